"""The models that a plan is made for."""

import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from hostd.domain.errors import RequestError
from hostd.domain.footprint import Component
from hostd.domain.host import Reserve
from hostd.domain.profile import Profile, Settings, Variant
from hostd.hardware.simulated import preset
from hostd.models.errors import HubUnreachable, ModelNotFound
from hostd.models.locations import ModelLocations
from hostd.models.reference import OllamaReference
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.warm_set.load_option import full_offload, pool_budgets
from hostd.sizing.candidates import CandidateResolver, PlanCandidate, PlanOptions, RemoteModel, on_processor
from tests.cli.models import weigh
from tests.models import weights
from tests.models.test_ollama import put
from tests.models.weights import checkpoint


@pytest.fixture
def opener(tmp_path: Path) -> CandidateResolver:
    """Opens for a card of 24 GiB, offline."""
    places = ModelLocations(tmp_path / "headers", tmp_path / "hub", offline=True)
    return CandidateResolver(Settings(), preset("rtx4090", Reserve()), PlanOptions(), places)


def modes(found: PlanCandidate) -> list[ServingMode]:
    """Return how a model's variants are served."""
    return [each.mode for each in found.variants]


def profile(*variants: Variant) -> Profile:
    """Return a profile."""
    return Profile("a", variants, context=4096, slots=2)


def test_what_cannot_be_served_so_is_a_wrong_use(opener: CandidateResolver, tmp_path: Path) -> None:
    """And the sentence names the model."""
    path = str(weigh(tmp_path / "a.gguf", 2))
    asking = replace(opener, asked=PlanOptions(kv_type="q9"))
    with pytest.raises(RequestError, match=r"/a\.gguf: 'q9' is no type for a KV cache") as raised:
        asking.named(path)
    assert 400 == raised.value.status
    with pytest.raises(RequestError, match=r"llamacpp:a\.gguf: 'q9' is no type for a KV cache"):
        asking.declared(profile(Variant("llamacpp", path=path)))


def test_a_bare_file_has_one_slot_and_its_own_context(opener: CandidateResolver, tmp_path: Path) -> None:
    """And it says so."""
    (mode,) = modes(opener.named(str(weigh(tmp_path / "a.gguf", 2))))
    option = next(full_offload(mode, opener.host, pool_budgets(opener.host)))
    assert 131072 * 128 * 1024 == option.footprint.component(Component.KV).expected
    assert "131072 tokens" in mode.notes[0]


def test_variants_that_cannot_be_read_are_left_out(opener: CandidateResolver, tmp_path: Path) -> None:
    """They are said; only when none can be read it is an error."""
    there, gone = (Variant("llamacpp", path=str(tmp_path / name)) for name in ("a.gguf", "b.gguf"))
    weigh(tmp_path / "a.gguf", 2)
    found = opener.declared(profile(gone, there))
    assert ["llamacpp:a.gguf"] == [mode.label for mode in modes(found)]
    assert "a variant was left out: there is no file" in found.notes[0]
    with pytest.raises(ModelNotFound):
        opener.declared(profile(gone))


@pytest.mark.parametrize(
    ("variant", "why"),
    [
        (
            Variant("openai", url="http://127.0.0.1:1/v1", model="m"),
            "is run by another program, so there is nothing to load",
        ),
        (Variant("cloud", provider="p", model="m"), "runs on its provider's machines, so it takes nothing of this one"),
        (
            Variant("ollama", tag="m:9b", url="http://10.0.0.1:11434"),
            "is run by another program, so there is nothing to load",
        ),
        (Variant("foreign", path="/m"), "is known to its engine alone, so nothing is counted for it"),
        (
            Variant("ollama", tag="m:9b", url="http://localhost:11434"),
            "is run by another program at http://localhost:11434; what it takes of this machine is not known, for no store",
        ),
    ],
    ids=lambda each: each.label if isinstance(each, Variant) else "",
)
def test_what_is_loaded_elsewhere_takes_nothing(opener: CandidateResolver, variant: Variant, why: str) -> None:
    """Another server's, a cloud's, or an engine's of its own; no registry is asked for what another program's server holds."""
    asking = replace(opener, places=replace(opener.places, registry="http://127.0.0.1:1", offline=False))
    found = asking.declared(profile(variant))
    assert isinstance(found.remote, RemoteModel)
    assert ((), variant.label) == (found.variants, found.remote.label)
    assert why in found.remote.why


def test_what_a_server_here_takes_is_read_from_a_store_here(opener: CandidateResolver, tmp_path: Path) -> None:
    """Its memory is this host's, even where another program runs it."""
    put(tmp_path / "store", OllamaReference("m", "9b"), model=weights.gguf())
    asking = replace(opener, places=replace(opener.places, ollama_stores=(tmp_path / "store",)))
    here, away = (Variant("ollama", tag="m:9b", url=f"http://{host}:1") for host in ("127.0.0.1", "10.0.0.1"))
    assert ["ollama:m:9b"] == [mode.label for mode in modes(asking.declared(profile(away, here)))]


def test_engines_that_can_do_without_an_accelerator_do(opener: CandidateResolver, tmp_path: Path) -> None:
    """Where such a build is installed, as the daemon would find; otherwise they say what they need."""
    variants = [Variant(backend, path=str(checkpoint(tmp_path / backend))) for backend in ("vllm", "mlx")]
    bare = replace(opener, host=preset("cpu-64g", Reserve()))
    for known, placed in ((frozenset({"vllm", "mlx"}), [True, True]), (frozenset({"mlx"}), [False, True])):
        found = replace(bare, on_processor=known).declared(profile(*variants))
        assert placed == [bool(list(full_offload(mode, bare.host, pool_budgets(bare.host)))) for mode in modes(found)]


def test_a_backend_chooses_among_variants(opener: CandidateResolver, tmp_path: Path) -> None:
    """A profile without one for it is a wrong use."""
    weigh(tmp_path / "a.gguf", 2)
    one = profile(Variant("llamacpp", path=str(tmp_path / "a.gguf")))
    asking = replace(opener, asked=PlanOptions(backend="mlx"), settings=Settings(profiles=MappingProxyType({"a": one})))
    with pytest.raises(RequestError, match="no variant for backend mlx") as raised:
        asking.named("a")
    assert 400 == raised.value.status


def test_a_profile_has_other_names(opener: CandidateResolver, tmp_path: Path) -> None:
    """An alias names it as well."""
    weigh(tmp_path / "a.gguf", 2)
    one = replace(profile(Variant("llamacpp", path=str(tmp_path / "a.gguf"))), aliases=("fast",))
    asking = replace(opener, settings=Settings(profiles=MappingProxyType({"a": one})))
    assert "a" == asking.named("fast").name


def test_safetensors_are_for_other_engines(opener: CandidateResolver, tmp_path: Path) -> None:
    """VLLM on a machine with a card, MLX on a Mac; llama.cpp does not serve them."""
    folder = checkpoint(tmp_path / "model")
    assert ["vllm"] == [mode.backend for mode in modes(opener.named(str(folder)))]
    mac = replace(opener, host=preset("m2max-64g", Reserve()))
    assert ["mlx"] == [mode.backend for mode in modes(mac.named(str(folder)))]
    for backend, kv_type in (("llamacpp", None), ("vllm", "q5_0"), ("mlx", "q5_0")):
        with pytest.raises(RequestError) as raised:
            replace(opener, asked=PlanOptions(backend=backend, kv_type=kv_type)).named(str(folder))
        assert 400 == raised.value.status


def test_unknown_names_lead_to_the_nearest(opener: CandidateResolver) -> None:
    """There is no such model, and the error says which one may be meant."""
    one = profile(Variant("llamacpp", path="/nowhere/a.gguf"))
    asking = replace(opener, settings=Settings(profiles=MappingProxyType({"planner": one})))
    with pytest.raises(RequestError, match="did you mean 'planner'") as raised:
        asking.named("plannner")
    assert 404 == raised.value.status


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
    """No engine computes on the processor of such a host."""
    assert frozenset() == on_processor(preset("rtx4090", Reserve()), {"mlx": (sys.executable,)})


def test_what_ships_with_hostd_is_enough(opener: CandidateResolver) -> None:
    """No hub is asked about the other variants; asked to, the first that cannot be reached stands for all of them."""
    shipped = Variant("llamacpp", hf="unsloth/Qwen3.5-9B-GGUF", file="Qwen3.5-9B-Q4_K_M.gguf")
    others = (Variant("mlx", hf="o/other"), Variant("vllm", hf="o/third"))
    online = replace(opener, places=replace(opener.places, offline=False, hub="http://127.0.0.1:9"))
    for each in (opener, online, replace(online, ask_hubs=True)):
        found = each.declared(profile(shipped, *others))
        assert (1, (), ("mlx:other", "vllm:third")) == (len(found.variants), found.notes, found.unasked)
    with pytest.raises(HubUnreachable, match=r"127\.0\.0\.1"):
        online.declared(profile(*others))
