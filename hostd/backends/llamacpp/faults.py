"""The exit classes of llama.cpp by its log, as a table.

The lines were collected by running llama-server, the server inside xllamacpp and llama_cpp.server into each fault; those
of GPU drivers come from llama.cpp's sources. The order matters: a build for GPUs complains about a missing driver and
continues without, so a driver is blamed only when nothing else is.
"""

from hostd.backends.exit_patterns import ExitPatterns
from hostd.domain.reason import ExitClass

_PATTERNS = ExitPatterns(
    (
        ExitClass.PORT_TAKEN,
        r"couldn't bind HTTP server socket|address already in use|listen tcp \S+: bind: ",
    ),
    (ExitClass.BAD_FLAG, r"^error: (invalid argument|unknown argument)|^error while handling argument"),
    (ExitClass.BAD_FLAG, r"error: unrecognized arguments|error: argument --|error: the following arguments"),
    (ExitClass.BAD_FLAG, r"quantized V cache requires flash_attn|V cache quantization requires flash_attn"),
    (ExitClass.OUT_OF_MEMORY, r"out[ _]*of[ _]*(device|host)?[ _]*memory"),
    (ExitClass.OUT_OF_MEMORY, r"insufficient memory|failed to allocate|unable to allocate|bad_alloc|MemoryError"),
    (ExitClass.OUT_OF_MEMORY, r"device memory allocation of size \d+ failed|cannot allocate memory"),
    (ExitClass.MISSING_FILE, r"failed to open GGUF file|model path does not exist|no such file or directory: '"),
    (ExitClass.MISSING_FILE, r"(failed to|can't|cannot|could not|unable to) open (?!shared object).*no such file"),
    (ExitClass.MISSING_FILE, r"invalid magic|gguf_init_from_\w+: failed|model is corrupted or incomplete"),
    (ExitClass.MISSING_FILE, r"unknown model architecture|missing tensor|key not found in model|unknown tensor"),
    (ExitClass.MISSING_FILE, r"tensor '.*' (not found|is missing|has wrong shape)|wrong number of tensors"),
    (ExitClass.MISSING_FILE, r"failed to load model from |can't open file"),
    (
        ExitClass.DRIVER,
        r"no CUDA-capable device|failed to initialize (CUDA|ROCm|MUSA)|driver version is insufficient",
    ),
    (ExitClass.DRIVER, r"(CUDA|ROCm|HIP|MUSA) error|no kernel image|cudaError|vk::\w*Error|ErrorDeviceLost"),
    (ExitClass.DRIVER, r"error while loading shared libraries: lib(cuda|cu|nvidia|amdhip|hip|roc|vulkan|ze)"),
    (ExitClass.MISSING_FILE, r"error while loading shared libraries"),
)

classify = _PATTERNS.classify
