"""The check of engines."""

import stat
from pathlib import Path

import pytest

from hostd.doctor.checks.engines import ENGINES, EngineFacts, check_of, gather, judge, known_bad
from hostd.doctor.finding import FindingStatus
from hostd.domain.profile import Profile, Settings, Variant
from tests.doctor.machine import machine, only, write


def program(path: Path, prints: str) -> str:
    """Write a program that prints its version."""
    write(path, f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def wanting(engine: str, *command: str) -> Settings:
    """Return a profile for *engine*, started by *command*."""
    profile = Profile("coder", (Variant(engine, tag="m", path="m.gguf"),))
    return Settings(profiles={"coder": profile}, commands={engine: command} if command else {})


@pytest.mark.parametrize(
    ("engine", "prints", "version"),
    [
        ("llamacpp", "version: 11434 (0123abc)\nbuilt with cc", "11434"),
        ("llamacpp", "something else", None),
        ("ollama", "ollama version is 0.32.15", "0.32.15"),
        ("ollama", "ollama version is 0.40.1\nWarning: client version is 0.34.2", "0.34.2"),
        ("ollama", "Warning: could not connect\nWarning: client version is 0.16.0", "0.16.0"),
    ],
    ids=["llama.cpp", "no version", "ollama", "another server", "no server"],
)
def test_a_version_is_read_from_what_the_program_prints(
    tmp_path: Path, engine: str, prints: str, version: str | None
) -> None:
    """Of Ollama it is that of the program which would be started, not of a server that runs."""
    named = program(tmp_path / engine, prints)
    facts = gather(engine, machine(tmp_path, settings=wanting(engine, named), patience=10.0))
    assert EngineFacts(engine, named, version, wanted_by=("coder",)) == facts
    assert only(judge(facts)).what.startswith(f"{engine} {version or 'of unknown version'} at {named}")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_profiles_name_and_that_is_missing(tmp_path: Path, engine: str) -> None:
    """A warning where nothing else serves them; variants for other machines are no reason."""
    found = only(check_of(engine)(machine(tmp_path, settings=wanting(engine, "/no/such-program"))))
    assert (FindingStatus.WARN, True) == (found.status, "/no/such-program" in found.why)
    assert "coder" in found.what
    other = (Variant(engine, tag="m", path="m.gguf"), Variant("cloud", provider="openai", model="gpt-4o"))
    both = Settings(profiles={"coder": Profile("coder", other)}, commands={engine: ("/no/such-program",)})
    assert "skipped" == only(check_of(engine)(machine(tmp_path, settings=both))).status


def test_an_engine_that_nobody_asks_for(tmp_path: Path) -> None:
    """Nothing is amiss, nor where it is not installed."""
    assert "skipped" == only(judge(EngineFacts("vllm", missing="no vLLM was found"))).status


@pytest.mark.parametrize(
    ("engine", "version", "fixed"),
    [
        ("llamacpp", "8000", (10253,)),
        ("llamacpp", "10252", (10253,)),
        ("llamacpp", "11549", None),
        ("vllm", "0.8.2", None),
        ("vllm", "0.14.0+cpu", (0, 14, 1)),
        ("vllm", "0.25.1", None),
        ("ollama", "0.17.0", (0, 17, 1)),
        ("ollama", "0.34.1", None),
        ("ollama", "0.34.9", (0, 35, 0)),
        ("ollama", None, None),
    ],
)
def test_versions_with_known_holes(engine: str, version: str | None, fixed: tuple[int, ...] | None) -> None:
    """The remedy is the version that closes all of them."""
    bad = known_bad(engine, version)
    assert fixed == (bad and bad.fixed)
    status = only(judge(EngineFacts(engine, "/bin/engine", version))).status
    assert (FindingStatus.OK if fixed is None else FindingStatus.WARN) == status
