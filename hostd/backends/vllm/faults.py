"""The exit classes of vLLM by its log, as a table; the lines are from runs of its CPU build, and from its sources for GPUs.

The cause is in the log of the worker process, well above the last lines, which are those of the API server.
"""

from hostd.backends.exit_patterns import ExitPatterns
from hostd.domain.reason import ExitClass

_PATTERNS = ExitPatterns(
    (ExitClass.PORT_TAKEN, r"address already in use"),
    (ExitClass.BAD_FLAG, r"error: unrecognized arguments|error: argument -|error: the following arguments"),
    (ExitClass.BAD_FLAG, r"No module named 'vllm_guard'|Sleep mode is not supported"),
    (ExitClass.BAD_FLAG, r"User-specified max_model_len .* is greater than|must be divisible by tensor parallel"),
    (ExitClass.OUT_OF_MEMORY, r"out[ _]*of[ _]*memory|bad_alloc|MemoryError|DefaultCPUAllocator: can't allocate"),
    (ExitClass.OUT_OF_MEMORY, r"No available memory for the cache blocks|KV cache is needed, which is larger than"),
    (ExitClass.OUT_OF_MEMORY, r"Free memory on device .* is less than|Available memory on node .* is less than"),
    (ExitClass.MISSING_FILE, r"No package metadata was found for vllm|No module named 'vllm'"),
    (ExitClass.MISSING_FILE, r"does not appear to have a file named|Invalid repository ID or local directory"),
    (ExitClass.MISSING_FILE, r"Cannot find any model weights|SafetensorError|Error while deserializing header"),
    (ExitClass.MISSING_FILE, r"Model architectures .* (are not|failed to be) |but Transformers does not recognize"),
    (ExitClass.MISSING_FILE, r"were not initialized from checkpoint|couldn't instantiate the backend tokenizer"),
    (ExitClass.DRIVER, r"Failed to infer device type|No CUDA GPUs are available|driver on your system is too old"),
    (ExitClass.DRIVER, r"CUDA error|cudaError|NCCL error|no kernel image|hipError|CUDA-capable device"),
    (ExitClass.DRIVER, r"libcuda\.so|libnvidia|libamdhip"),
)

classify = _PATTERNS.classify
