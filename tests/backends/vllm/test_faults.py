"""What vLLM says when it dies."""

import pytest

from hostd.backends.vllm.faults import classify
from hostd.domain.reason import ExitClass

LINES = {
    "OSError: [Errno 98] Address already in use": ExitClass.PORT_TAKEN,
    "vllm: error: unrecognized arguments: --frobnicate 1": ExitClass.BAD_FLAG,
    "api_server.py: error: argument --max-model-len: invalid": ExitClass.BAD_FLAG,
    "ValueError: User-specified max_model_len (9999) is greater than the derived max_model_len": ExitClass.BAD_FLAG,
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 8.00 GiB.": ExitClass.OUT_OF_MEMORY,
    "ValueError: No available memory for the cache blocks. Try increasing": ExitClass.OUT_OF_MEMORY,
    "ValueError: To serve at least one request with the models's max seq len (32768), (4.00 GiB KV cache is needed, which "
    "is larger than the available KV cache memory (1.00 GiB).": ExitClass.OUT_OF_MEMORY,
    "ValueError: Free memory on device cuda:0 (3.1/23.7 GiB) on startup is less than desired": ExitClass.OUT_OF_MEMORY,
    "ValueError: Available memory on node 0 (13.97/15.34 GiB) on startup is less than": ExitClass.OUT_OF_MEMORY,
    "importlib.metadata.PackageNotFoundError: No package metadata was found for vllm": ExitClass.MISSING_FILE,
    "ValueError: Model architectures ['FrobForCausalLM'] are not supported for now.": ExitClass.MISSING_FILE,
    "OSError: /m does not appear to have a file named config.json.": ExitClass.MISSING_FILE,
    "RuntimeError: CUDA error: no kernel image is available for execution on the device": ExitClass.DRIVER,
    "RuntimeError: Failed to infer device type": ExitClass.DRIVER,
    "RuntimeError: Engine core initialization failed. See root cause above.": ExitClass.UNKNOWN,
}


@pytest.mark.parametrize(("line", "meaning"), LINES.items())
def test_last_lines_have_an_exit_class(line: str, meaning: ExitClass) -> None:
    """Those of the process that computes, though the one that answers has the last."""
    last = "(APIServer pid=7) RuntimeError: Engine core initialization failed. See root cause above."
    assert meaning == classify(1, (f"(EngineCore pid=8) {line}", last))


def test_a_kill_alone_says_nothing() -> None:
    """The kernel kills for want of memory with the same signal as a person does; a good end is none to explain."""
    assert ExitClass.UNKNOWN == classify(-9, ("vllm: error: unrecognized arguments: --x",))
    assert ExitClass.OUT_OF_MEMORY == classify(-9, ("CUDA out of memory",))
    assert ExitClass.UNKNOWN == classify(0, ("address already in use",))
