"""The exit classes of mlx-lm and hostd's launcher of it by their log, as a table; collected by running them into each fault."""

from hostd.backends.exit_patterns import ExitPatterns
from hostd.domain.reason import ExitClass

_PATTERNS = ExitPatterns(
    (ExitClass.PORT_TAKEN, r"^exiting: cannot listen on port|address already in use"),
    (ExitClass.BAD_FLAG, r"error: unrecognized arguments|error: argument --|error: the following arguments"),
    (
        ExitClass.OUT_OF_MEMORY,
        r"kIOGPUCommandBufferCallbackErrorOutOfMemory|\[metal::malloc\]|\[malloc\w*\] Unable to",
    ),
    (ExitClass.OUT_OF_MEMORY, r"attempting to allocate|insufficient memory|out of memory|bad_alloc|MemoryError"),
    (ExitClass.MISSING_FILE, r"^exiting: this Python cannot import|^exiting: this mlx-lm"),
    (ExitClass.MISSING_FILE, r"No safetensors found|FileNotFoundError|SafetensorError|\[load_safetensors\]"),
    (ExitClass.MISSING_FILE, r"Model type .* not supported|Missing \d+ parameters|parameters not in model"),
    (ExitClass.MISSING_FILE, r"ValueError: rope_scaling must contain|ModelArgs\.__init__\(\) missing"),
    (ExitClass.MISSING_FILE, r"Expected shape .* but received|couldn't instantiate the backend tokenizer"),
    (ExitClass.DRIVER, r"Command buffer execution failed|kIOGPUCommandBufferCallbackError"),
    (
        ExitClass.DRIVER,
        r"\bmetal::Device::Device\(|\[metal::(Device|load_device|load_library)\]|Failed to (load device|initialize Metal)",
    ),
)

classify = _PATTERNS.classify
