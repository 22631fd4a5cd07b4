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
    (
        ExitClass.BAD_FLAG,
        r"bfloat16 is only supported on GPUs|max_num_batched_tokens .* is smaller than|World size .* is larger",
    ),
    (ExitClass.BAD_FLAG, r"Quantization method specified in|quantization .* only support .* load format"),
    (ExitClass.OUT_OF_MEMORY, r"out[ _]*of[ _]*memory|bad_alloc|MemoryError|DefaultCPUAllocator: can't allocate"),
    (ExitClass.OUT_OF_MEMORY, r"No available memory for the cache blocks|is needed, which is larger than"),
    (ExitClass.OUT_OF_MEMORY, r"larger than the maximum number of tokens that can be stored in KV cache"),
    (ExitClass.OUT_OF_MEMORY, r"Free memory on device .* is less than|Available memory on node .* is less than"),
    (ExitClass.OUT_OF_MEMORY, r"CUBLAS_STATUS_ALLOC_FAILED"),
    (ExitClass.MISSING_FILE, r"No package metadata was found for vllm|No module named 'vllm'"),
    (ExitClass.MISSING_FILE, r"does not appear to have a file named|Invalid repository ID or local directory"),
    (
        ExitClass.MISSING_FILE,
        r"is not a valid model identifier|gated repo|RepositoryNotFound|LocalEntryNotFound|401 Client Error",
    ),
    (ExitClass.MISSING_FILE, r"couldn't connect to 'https://huggingface\.co'|cannot find the requested files"),
    (ExitClass.MISSING_FILE, r"Cannot find any model weights|SafetensorError|Error while deserializing header"),
    (ExitClass.MISSING_FILE, r"Unrecognized model in|Should have a `model_type` key"),
    (ExitClass.MISSING_FILE, r"Model architectures .* (are not|failed to be) |but Transformers does not recognize"),
    (ExitClass.MISSING_FILE, r"were not initialized from checkpoint|couldn't instantiate the backend tokenizer"),
    (
        ExitClass.MISSING_FILE,
        r"KeyError: '[\w.]+\.(weight|bias|qweight|qzeros|scales|\w*scale\w*)'|no module or parameter named",
    ),
    # After what names memory or files: those sentences recommend flags, too.
    (ExitClass.BAD_FLAG, r"ValueError: .*\b(set|pass|use|specify) `?--[a-z]|set the option `trust_remote_code=True`"),
    (ExitClass.DRIVER, r"Failed to infer device type|No CUDA GPUs are available|driver on your system is too old"),
    (ExitClass.DRIVER, r"CUDA error|cudaError|NCCL error|no kernel image|hipError|HIP error|CUDA-capable device"),
    (
        ExitClass.DRIVER,
        r"libcuda\.so|libnvidia|libamdhip|not supported for the current GPU|error from cudaGetDeviceCount",
    ),
)

classify = _PATTERNS.classify
