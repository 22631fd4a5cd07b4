"""Which vLLM a program is."""

import subprocess
import sys
from pathlib import Path

import pytest

from hostd.backends.vllm import build as vllm_build
from hostd.backends.vllm.build import VllmBuild, build_of
from tests.backends.running import installed, needs

PYTHON = installed("vllm", "HOSTD_TEST_VLLM")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment whose vLLM is two files; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    for folder in ("vllm/engine", "vllm/entrypoints/launchers", "vllm-1.2.3+cpu.dist-info"):
        (packages / folder).mkdir(parents=True)
    about = "Metadata-Version: 2.1\nName: vllm\nVersion: 1.2.3+cpu\n"
    (packages / "vllm-1.2.3+cpu.dist-info" / "METADATA").write_text(about, encoding="utf-8")
    (packages / "vllm" / "__init__.py").write_text("raise SystemExit('not to be imported')", encoding="utf-8")
    flags = 'group.add_argument("--max-num-seqs", "-x")\n'
    (packages / "vllm" / "engine" / "arg_utils.py").write_text(flags, encoding="utf-8")
    fields = "class Arguments:\n    middleware: list[str]\n    api_key: str\n"
    (packages / "vllm" / "entrypoints" / "launchers" / "cli_args.py").write_text(fields, encoding="utf-8")
    return python


def test_version_and_flags_are_read_without_importing(environment: Path) -> None:
    """Flags that are written out, and those that are made from fields; importing would take ten seconds."""
    build = build_of(str(environment))
    assert ("1.2.3+cpu", True) == (build.version, build.on_processor)
    assert [True, True, True, False] == [build.knows(flag) for flag in ("max-num-seqs", "api-key", "x", "frobnicate")]
    assert build.knows("middleware.first")


def test_a_script_is_as_good_as_its_python(environment: Path) -> None:
    """The first line names it."""
    script = environment.with_name("vllm")
    script.write_text(f"#!{environment}\n", encoding="utf-8")
    script.chmod(0o755)
    assert build_of(str(environment)) == build_of(str(script))


def test_an_unknown_build_gets_the_benefit_of_the_doubt(tmp_path: Path) -> None:
    """A program that is no Python's, and a Python without vLLM."""
    script = tmp_path / "vllm"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)
    assert VllmBuild() == build_of(str(script))
    assert VllmBuild().knows("anything")


def test_a_probe_that_fails_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the Python says instead of an answer."""
    monkeypatch.setattr(vllm_build, "_PROBE", "print('[]')")
    assert VllmBuild() == vllm_build._probed(sys.executable, -1)


@needs(PYTHON, "vllm")
def test_a_real_one_is_read() -> None:
    """Every flag that hostd passes is one that it finds."""
    build = build_of(PYTHON or "")
    assert build.version
    for flag in (
        "kv-cache-memory-bytes",
        "middleware",
        "enable-sleep-mode",
        "max-model-len",
        "runner",
        "enforce-eager",
    ):
        assert build.knows(flag)
    assert not build.knows("frobnicate")
