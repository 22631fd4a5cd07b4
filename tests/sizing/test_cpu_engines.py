"""Engines that compute on the processor."""

import sys
from pathlib import Path

import pytest

from hostd.domain.host import Reserve
from hostd.hardware.simulated import preset
from hostd.sizing.cpu_engines import on_processor

BARE = preset("cpu-64g", Reserve())
GONE = ("/nowhere/python",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of an environment whose Python is this one."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def vllm(folder: Path, version: str | None) -> str:
    """Install what looks like a vLLM of that version, or one that tells nothing; return its program."""
    program, python = folder / "vllm", folder / "python3"
    told = f'["{version}", {str("cpu" in str(version)).lower()}, []]' if version else ""
    python.write_text(f"#!/bin/sh\necho '{told}'\n")
    program.write_text(f"#!{python}\n")
    for file in (python, program):
        file.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(("version", "there"), [("0.12.0+cpu", True), ("0.12.0", False), (None, True)])
def test_a_vllm_for_the_processor_is_known_by_its_build(folder: Path, version: str | None, there: bool) -> None:
    """One that tells nothing is given the benefit of the doubt; one for cards needs a card."""
    commands = {"vllm": (vllm(folder, version),), "mlx": GONE}
    assert (frozenset({"vllm"}) if there else frozenset()) == on_processor(BARE, commands)


def test_an_engine_that_is_not_installed_is_not_there() -> None:
    """What is configured counts, whatever else is installed."""
    assert frozenset() == on_processor(BARE, {"vllm": GONE, "mlx": GONE})
    assert frozenset({"mlx"}) == on_processor(BARE, {"vllm": GONE, "mlx": (sys.executable,)})


def test_where_there_is_an_accelerator_it_is_used() -> None:
    """Nobody computes on the processor of such a machine."""
    assert frozenset() == on_processor(preset("rtx4090", Reserve()), {"mlx": (sys.executable,)})
