"""What mlx-lm and our launcher of it say when they die, as a table; collected by running them into each fault."""

import re

from hostd.domain.reason import ExitClass

PATTERNS: tuple[tuple[ExitClass, re.Pattern[str]], ...] = tuple(
    (exit_class, re.compile(pattern, re.IGNORECASE))
    for exit_class, pattern in (
        (ExitClass.PORT_TAKEN, r"^exiting: cannot listen on port|address already in use"),
        (ExitClass.BAD_FLAG, r"error: unrecognized arguments|error: argument --|error: the following arguments"),
        (
            ExitClass.OUT_OF_MEMORY,
            r"kIOGPUCommandBufferCallbackErrorOutOfMemory|\[metal::malloc\]|\[malloc\] Unable to",
        ),
        (ExitClass.OUT_OF_MEMORY, r"attempting to allocate|insufficient memory|out of memory|bad_alloc|MemoryError"),
        (ExitClass.MISSING_FILE, r"^exiting: this Python cannot import|^exiting: this mlx-lm"),
        (ExitClass.MISSING_FILE, r"No safetensors found|FileNotFoundError|SafetensorError|\[load_safetensors\]"),
        (ExitClass.MISSING_FILE, r"Model type .* not supported|Missing \d+ parameters|parameters not in model"),
        (ExitClass.MISSING_FILE, r"Expected shape .* but received|couldn't instantiate the backend tokenizer"),
        (ExitClass.DRIVER, r"\[metal::(Device|load_device|load_library)\]|Failed to (load device|initialize Metal)"),
    )
)


def classify(status: int, tail: tuple[str, ...]) -> ExitClass:
    """Return what an exit *status* (negative: killed by that signal) and the last log lines mean.

    A kill alone says nothing: the kernel kills for want of memory with the same signal as a person does.
    """
    if status == 0:
        return ExitClass.UNKNOWN
    said = (exit_class for exit_class, pattern in PATTERNS if any(pattern.search(line) for line in tail))
    found = next(said, ExitClass.UNKNOWN)
    if status == -9 and found is not ExitClass.OUT_OF_MEMORY:
        return ExitClass.UNKNOWN
    return found
