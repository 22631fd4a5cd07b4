"""What was named, opened and made ready to plan."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from hostd.cli.candidates import CandidateResolver, PlanOptions, RemoteModel
from hostd.cli.exits import Code, VerbError
from hostd.domain.footprint import Component
from hostd.domain.host import Reserve
from hostd.domain.profile import Profile, Settings, Variant
from hostd.hardware.simulated import preset
from hostd.models.errors import ModelNotFound
from hostd.models.locations import ModelLocations
from hostd.models.reference import OllamaReference
from hostd.planning.footprint.placement import full_offload, pool_budgets
from tests.cli.models import weigh
from tests.models import weights
from tests.models.test_ollama import put
from tests.models.weights import checkpoint


@pytest.fixture
def opener(tmp_path: Path) -> CandidateResolver:
    """Opens for a card of 24 GiB, offline."""
    places = ModelLocations(tmp_path / "headers", tmp_path / "hub", offline=True)
    return CandidateResolver(Settings(), preset("rtx4090", Reserve()), PlanOptions(), places)


def profile(*variants: Variant) -> Profile:
    """Return a profile."""
    return Profile("a", variants, context=4096, slots=2)


def test_what_cannot_be_served_so_is_a_wrong_use(opener: CandidateResolver, tmp_path: Path) -> None:
    """And the sentence names the model."""
    path = str(weigh(tmp_path / "a.gguf", 2))
    asking = replace(opener, wanted=PlanOptions(kv_type="q9"))
    with pytest.raises(VerbError, match=r"/a\.gguf: 'q9' is no type for a KV cache") as raised:
        asking.named(path)
    assert Code.USAGE == raised.value.code
    with pytest.raises(VerbError, match=r"llamacpp:a\.gguf: 'q9' is no type for a KV cache"):
        asking.declared(profile(Variant("llamacpp", path=path)))


def test_a_bare_file_has_one_slot_and_its_own_context(opener: CandidateResolver, tmp_path: Path) -> None:
    """And it says so."""
    (mode,) = opener.named(str(weigh(tmp_path / "a.gguf", 2))).ways
    option = next(full_offload(mode, opener.host, pool_budgets(opener.host)))
    assert 131072 * 128 * 1024 == option.footprint.component(Component.KV).expected
    assert "131072 tokens" in mode.notes[0]


def test_variants_that_cannot_be_read_are_left_out(opener: CandidateResolver, tmp_path: Path) -> None:
    """They are said; only when none can be read it is an error."""
    there, gone = (Variant("llamacpp", path=str(tmp_path / name)) for name in ("a.gguf", "b.gguf"))
    weigh(tmp_path / "a.gguf", 2)
    found = opener.declared(profile(gone, there))
    assert ["llamacpp:a.gguf"] == [mode.label for mode in found.ways]
    assert "a variant was left out: there is no file" in found.notes[0]
    with pytest.raises(ModelNotFound):
        opener.declared(profile(gone))


@pytest.mark.parametrize(
    ("variant", "why"),
    [
        (
            Variant("openai", url="http://127.0.0.1:1/v1", model="m"),
            "is run by somebody else, so there is nothing to load",
        ),
        (Variant("cloud", provider="p", model="m"), "is run by somebody else, so there is nothing to load"),
        (
            Variant("ollama", tag="m:9b", url="http://10.0.0.1:11434"),
            "is run by somebody else, so there is nothing to load",
        ),
        (Variant("foreign", path="/m"), "is known to its engine alone, so nothing is reckoned for it"),
        (
            Variant("ollama", tag="m:9b", url="http://localhost:11434"),
            "is run by somebody else at http://localhost:11434; what it takes of this machine is not known, for no store",
        ),
    ],
    ids=lambda each: each.label if isinstance(each, Variant) else "",
)
def test_what_is_loaded_elsewhere_takes_nothing(opener: CandidateResolver, variant: Variant, why: str) -> None:
    """Another server's, a cloud's, or what nobody here can reckon; no registry is asked for what somebody else's server has."""
    asking = replace(opener, places=replace(opener.places, registry="http://127.0.0.1:1", offline=False))
    found = asking.declared(profile(variant))
    assert isinstance(found.elsewhere, RemoteModel)
    assert ((), variant.label) == (found.ways, found.elsewhere.label)
    assert why in found.elsewhere.why


def test_what_a_server_here_takes_is_read_from_a_store_here(opener: CandidateResolver, tmp_path: Path) -> None:
    """Its memory is this machine's, whoever runs it."""
    put(tmp_path / "store", OllamaReference("m", "9b"), model=weights.gguf())
    asking = replace(opener, places=replace(opener.places, ollama_stores=(tmp_path / "store",)))
    here, away = (Variant("ollama", tag="m:9b", url=f"http://{host}:1") for host in ("127.0.0.1", "10.0.0.1"))
    assert ["ollama:m:9b"] == [mode.label for mode in asking.declared(profile(away, here)).ways]


def test_engines_that_can_do_without_an_accelerator_do(opener: CandidateResolver, tmp_path: Path) -> None:
    """Where such a build is installed, as the daemon would find; otherwise they say what they need."""
    variants = [Variant(backend, path=str(checkpoint(tmp_path / backend))) for backend in ("vllm", "mlx")]
    bare = replace(opener, host=preset("cpu-64g", Reserve()))
    for known, placed in ((frozenset({"vllm", "mlx"}), [True, True]), (frozenset({"mlx"}), [False, True])):
        modes = replace(bare, on_processor=known).declared(profile(*variants)).ways
        assert placed == [bool(list(full_offload(mode, bare.host, pool_budgets(bare.host)))) for mode in modes]


def test_a_backend_chooses_among_variants(opener: CandidateResolver, tmp_path: Path) -> None:
    """A profile without one for it is a wrong use."""
    weigh(tmp_path / "a.gguf", 2)
    one = profile(Variant("llamacpp", path=str(tmp_path / "a.gguf")))
    asking = replace(
        opener, wanted=PlanOptions(backend="mlx"), settings=Settings(profiles=MappingProxyType({"a": one}))
    )
    with pytest.raises(VerbError, match="no variant for backend mlx") as raised:
        asking.named("a")
    assert Code.USAGE == raised.value.code


def test_a_profile_has_other_names(opener: CandidateResolver, tmp_path: Path) -> None:
    """An alias names it as well."""
    weigh(tmp_path / "a.gguf", 2)
    one = replace(profile(Variant("llamacpp", path=str(tmp_path / "a.gguf"))), aliases=("fast",))
    asking = replace(opener, settings=Settings(profiles=MappingProxyType({"a": one})))
    assert "a" == asking.named("fast").name


def test_safetensors_are_for_other_engines(opener: CandidateResolver, tmp_path: Path) -> None:
    """VLLM on a machine with a card, MLX on a Mac; llama.cpp does not serve them."""
    folder = checkpoint(tmp_path / "model")
    assert ["vllm"] == [mode.backend for mode in opener.named(str(folder)).ways]
    mac = replace(opener, host=preset("m2max-64g", Reserve()))
    assert ["mlx"] == [mode.backend for mode in mac.named(str(folder)).ways]
    for backend, kv_type in (("llamacpp", None), ("vllm", "q5_0"), ("mlx", "q5_0")):
        with pytest.raises(VerbError) as raised:
            replace(opener, wanted=PlanOptions(backend=backend, kv_type=kv_type)).named(str(folder))
        assert Code.USAGE == raised.value.code


def test_unknown_names_lead_to_the_nearest(opener: CandidateResolver) -> None:
    """Exit code 5."""
    one = profile(Variant("llamacpp", path="/nowhere/a.gguf"))
    asking = replace(opener, settings=Settings(profiles=MappingProxyType({"planner": one})))
    with pytest.raises(VerbError, match="did you mean 'planner'") as raised:
        asking.named("plannner")
    assert Code.UNKNOWN_MODEL == raised.value.code
