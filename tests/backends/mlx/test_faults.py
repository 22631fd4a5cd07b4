"""What MLX says when it dies."""

import pytest

from hostd.backends.mlx.faults import classify
from hostd.domain.reason import ExitClass

LINES = {
    "exiting: cannot listen on port 4711: [Errno 98] Address already in use": ExitClass.PORT_TAKEN,
    "mlx_lm.server: error: unrecognized arguments: --frobnicate 1": ExitClass.BAD_FLAG,
    "mlx_server: error: argument --context: invalid int value: 'x'": ExitClass.BAD_FLAG,
    "exiting: the generation thread died: FileNotFoundError: No safetensors found in /m": ExitClass.MISSING_FILE,
    "exiting: the generation thread died: ValueError: Model type frob not supported.": ExitClass.MISSING_FILE,
    "exiting: the generation thread died: ValueError: Missing 9 parameters: ": ExitClass.MISSING_FILE,
    "exiting: the generation thread died: RuntimeError: [load_safetensors] The JSON header is": ExitClass.MISSING_FILE,
    "exiting: this Python cannot import mlx-lm: No module named 'mlx_lm'": ExitClass.MISSING_FILE,
    "RuntimeError: [METAL] Command buffer execution failed: Insufficient Memory (00000008:kIOGPU": ExitClass.OUT_OF_MEMORY,
    "RuntimeError: [malloc] Unable to allocate 137438953472 bytes.": ExitClass.OUT_OF_MEMORY,
    "RuntimeError: [metal::malloc] Attempting to allocate 99 bytes which is greater": ExitClass.OUT_OF_MEMORY,
    "RuntimeError: [metal::load_device] No Metal device available": ExitClass.DRIVER,
    "exiting: the generation thread died: TypeError: what is that": ExitClass.UNKNOWN,
}


@pytest.mark.parametrize(("line", "meaning"), LINES.items())
def test_last_lines_have_an_exit_class(line: str, meaning: ExitClass) -> None:
    """Whatever was logged around them."""
    assert meaning == classify(1, ("INFO - Starting httpd at 127.0.0.1 on port 1...", line, ""))


def test_a_kill_alone_says_nothing() -> None:
    """The kernel kills for want of memory with the same signal as a person does; a good end is none to explain."""
    assert ExitClass.UNKNOWN == classify(-9, ("mlx_lm.server: error: unrecognized arguments: --x",))
    assert ExitClass.OUT_OF_MEMORY == classify(-9, ("[malloc] Unable to allocate 1 bytes.",))
    assert ExitClass.UNKNOWN == classify(0, ("address already in use",))
