"""Asking the installed engine what a model needs."""

import sys
from pathlib import Path

import pytest

from hostd.backends.llamacpp.build import LAUNCHER
from hostd.backends.llamacpp.dry_run import DryRun, dry_run
from hostd.domain.errors import EngineError
from hostd.domain.footprint import Component, Footprint, Tier
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.formats.gguf import GgufHeader, parse
from hostd.planning.formats.gguf_shape import shape_of
from tests.backends import stubs

MIB = 1 << 20
WHEEL = (sys.executable, "-P", "-u", str(LAUNCHER))
WORDS = ("-m", "later.gguf", "--host", "127.0.0.1", "--port", "0", "-c", "8192", "-np", "2", "--metrics")


def header(architecture: str) -> GgufHeader:
    """Return the header of a model of that architecture."""
    found = parse(stubs.header(architecture))
    assert isinstance(found, GgufHeader)
    return found


def predicted(model: GgufHeader, *, unified: bool = False) -> Footprint:
    """Return what the header alone says."""
    return footprint(shape_of(model), Serving(context=8192, slots=2, unified=unified), Placement())


def engine(folder: Path, script: str) -> tuple[str, ...]:
    """Return a llama-server with *script* next to it as llama-fit-params."""
    for name, text in (("llama-server", "exit 1"), ("llama-fit-params", script)):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return (str(folder / "llama-server"),)


@pytest.mark.parametrize("unified", [False, True])
@pytest.mark.parametrize("architecture", stubs.MODELS)
def test_engine_and_header_agree_on_what_is_kept(tmp_path: Path, architecture: str, unified: bool) -> None:
    """KV cache, recurrent state and weights are the same by arithmetic and by the engine's own dry run, without weights."""
    pytest.importorskip("xllamacpp")
    model = header(architecture)
    before = predicted(model, unified=unified)
    after = dry_run(DryRun(WHEEL, WORDS, model, unified=unified), before, tmp_path)
    assert Tier.ENGINE is after.tier
    for component in (Component.KV, Component.RECURRENT, Component.WEIGHTS):
        # The engine prints hundredths of a MiB for the caches, and whole ones for weights.
        near = MIB if component is Component.WEIGHTS else 0.01 * MIB
        assert abs(before.component(component).expected - after.component(component).expected) < near, component


def test_flags_reach_the_engine(tmp_path: Path) -> None:
    """A quantised cache of half the context is what the engine reckons with."""
    pytest.importorskip("xllamacpp")
    model = header("llama")
    words = (*WORDS, "-c", "4096", "-ctk", "q8_0", "-ctv", "q8_0", "--fit", "off")
    found = dry_run(DryRun(WHEEL, words, model), predicted(model), tmp_path)
    assert 32 * MIB * 17 // 32 // 2 == found.component(Component.KV).expected


def test_an_answer_is_kept(tmp_path: Path) -> None:
    """The same question costs no second process; another context does, and so does a newer engine."""
    cache = tmp_path / "cache"
    program = engine(tmp_path, f"echo x >> {tmp_path}/asked; echo 'Host 42 32 17 '")
    model = header("llama")
    first = dry_run(DryRun(program, WORDS, model), predicted(model), cache)
    once = (tmp_path / "asked").read_text()
    assert first == dry_run(DryRun(program, WORDS, model), predicted(model), cache)
    assert once == (tmp_path / "asked").read_text()
    dry_run(DryRun(program, (*WORDS, "-ub", "64"), model), predicted(model), cache)
    assert once != (tmp_path / "asked").read_text()
    for kept in cache.iterdir():
        kept.write_text("nonsense")
    assert first == dry_run(DryRun(program, WORDS, model), predicted(model), cache)


def test_fit_params_is_given_only_what_it_understands(tmp_path: Path) -> None:
    """A server's flags that decide no memory are left out, and those that it does not know are made up for."""
    program = engine(tmp_path, f'echo "$@" > {tmp_path}/words; echo "Host 42 32 17 "')
    model = header("gemma3")
    found = dry_run(
        DryRun(program, (*WORDS, "--swa-full", "--jinja", "-kvu"), model),
        predicted(model, unified=True),
        tmp_path / "c",
    )
    words = (tmp_path / "words").read_text().split()
    assert ["-c", "8192", "-np", "2", "--swa-full", "--fit-print", "on", "-lv", "5", "-m"] == words[:-1]
    assert predicted(model, unified=True).component(Component.KV) == found.component(Component.KV)
    assert any("share one cache" in note for note in found.notes)


def test_an_engine_that_hangs_is_ended(tmp_path: Path) -> None:
    """Planning waits no longer than it is told to."""
    model = header("llama")
    with pytest.raises(EngineError, match=r"no answer within 0\.2 s"):
        dry_run(DryRun(engine(tmp_path, "exec sleep 60"), WORDS, model), predicted(model), tmp_path / "c", limit=0.2)


def test_a_refusal_is_told_in_the_engines_words(tmp_path: Path) -> None:
    """The owner reads why; nothing is kept of it."""
    pytest.importorskip("xllamacpp")
    model = header("llama")
    model = GgufHeader(3, {**model.keys, "general.architecture": "nonesuch"}, {}, model.tensors, 0, 0)
    with pytest.raises(EngineError, match="'nonesuch'") as refused:
        dry_run(DryRun(WHEEL, WORDS, model), Footprint({}), tmp_path / "c")
    assert ExitClass.MISSING_FILE is refused.value.exit_class
    assert not (tmp_path / "c").exists()


def test_a_server_without_its_tools_cannot_be_asked(tmp_path: Path) -> None:
    """Some programs bring llama-server alone."""
    program = engine(tmp_path, "exit 0")
    (tmp_path / "llama-fit-params").unlink()
    model = header("llama")
    with pytest.raises(EngineError, match="no llama-fit-params next to"):
        dry_run(DryRun(program, WORDS, model), predicted(model), tmp_path / "c")
