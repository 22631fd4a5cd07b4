"""One way to read the tables of last words."""

import json
from pathlib import Path
from typing import Any

import pytest

from hostd.backends.exit_patterns import ExitPatterns
from hostd.backends.llamacpp import faults as llamacpp
from hostd.backends.mlx import faults as mlx
from hostd.backends.ollama import client as ollama
from hostd.backends.vllm import faults as vllm
from hostd.domain.reason import ExitClass

SAID = ExitPatterns(
    (ExitClass.PORT_TAKEN, r"address already in use"),
    (ExitClass.OUT_OF_MEMORY, r"out of memory"),
    (ExitClass.DRIVER, r"CUDA error"),
)


@pytest.mark.parametrize(
    ("status", "tail", "expected"),
    [
        (1, ("CUDA error: Out Of Memory",), ExitClass.OUT_OF_MEMORY),
        (1, ("CUDA error 999", "all is lost"), ExitClass.DRIVER),
        (0, ("out of memory",), ExitClass.UNKNOWN),
        (-9, ("CUDA error 999",), ExitClass.UNKNOWN),
        (-9, ("out of memory",), ExitClass.OUT_OF_MEMORY),
        (70, ("goodbye",), ExitClass.UNKNOWN),
    ],
)
def test_the_first_row_that_matches_any_line_wins(status: int, tail: tuple[str, ...], expected: ExitClass) -> None:
    """Case does not matter, an end in good order says nothing, and a kill nothing but that memory ran out."""
    assert expected is SAID.classify(status, tail)


ENGINES = {"llamacpp": llamacpp.classify, "vllm": vllm.classify, "mlx": mlx.classify, "ollama": ollama.classify}
REPORTED = json.loads((Path(__file__).parents[1] / "data" / "exit_lines.json").read_text("utf-8"))


@pytest.mark.parametrize("case", REPORTED, ids=[f"{case['engine']}-{case['source'][19:]}" for case in REPORTED])
def test_reported_last_lines(case: dict[str, Any]) -> None:
    """What engines said when they ended on people's machines has the class that a reader of the report would give it."""
    assert case["class"] == ENGINES[case["engine"]](case["status"], tuple(case["lines"]))


def test_every_engine_has_reported_lines() -> None:
    """Each engine's table is tried on lines that it was not written from, each with its public report."""
    assert ENGINES.keys() == {case["engine"] for case in REPORTED}
    assert all(case["source"].startswith("https://") for case in REPORTED)


def test_a_shell_that_finds_no_program() -> None:
    """The status alone says that something to run is not there, unless the lines know better."""
    assert ExitClass.MISSING_FILE is SAID.classify(127, ("sh: 1: exec: frobnicate: not found",))
    assert ExitClass.DRIVER is SAID.classify(127, ("CUDA error 999",))


def test_an_assertion_is_neither_a_file_nor_a_flag() -> None:
    """What was said of files before it was survived; memory and drivers bring assertions about."""
    tables = ExitPatterns((ExitClass.MISSING_FILE, "not found"), (ExitClass.OUT_OF_MEMORY, "out of memory"))
    assert ExitClass.MISSING_FILE is tables.classify(1, ("template not found",))
    assert ExitClass.UNKNOWN is tables.classify(-6, ("template not found", "GGML_ASSERT(x) failed"))
    assert ExitClass.OUT_OF_MEMORY is tables.classify(-6, ("out of memory", "GGML_ASSERT(x) failed"))


@pytest.mark.parametrize(
    "line",
    [
        "ggml_cuda_host_malloc: failed to allocate 512.00 MiB of pinned memory: out of memory",
        "warning: failed to mlock 88080384-byte buffer (after previously locking 0 bytes): Cannot allocate memory",
        "load_backend: failed to load libggml-cuda.so: libcuda.so.1: cannot open shared object file: No such file or directory",
        "INFO [logger.py:43] Received request cmpl-1: prompt: 'what does CUDA out of memory mean?'",
    ],
)
def test_what_an_engine_survives_is_no_reason(line: str) -> None:
    """Warnings with another way after them, and requests that it quotes, say nothing of its end."""
    for classify in ENGINES.values():
        assert ExitClass.UNKNOWN is classify(1, (line,))


def test_a_kill_told_by_a_shell() -> None:
    """A wrapper's status for signal 9 is a kill, too."""
    assert ExitClass.UNKNOWN is SAID.classify(137, ("CUDA error 999",))
