"""What was named, opened and made ready to plan."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from hostd.cli.candidates import Opener, Wanted
from hostd.cli.exits import Code, VerbError
from hostd.domain.footprint import Component
from hostd.domain.host import Reserve
from hostd.domain.profile import Profile, Settings, Variant
from hostd.hardware.simulated import preset
from hostd.library.places import Places
from hostd.library.unreadable import NotThere
from hostd.planning.placing import empty_rooms, whole
from tests.cli.models import weigh
from tests.library.weights import checkpoint


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    """Opens for a card of 24 GiB, offline."""
    places = Places(tmp_path / "headers", tmp_path / "hub", offline=True)
    return Opener(Settings(), preset("rtx4090", Reserve()), Wanted(), places)


def profile(*variants: Variant) -> Profile:
    """Return a profile."""
    return Profile("a", variants, context=4096, slots=2)


def test_what_cannot_be_served_so_is_a_wrong_use(opener: Opener, tmp_path: Path) -> None:
    """And the sentence names the model."""
    path = str(weigh(tmp_path / "a.gguf", 2))
    asking = replace(opener, wanted=Wanted(kv_type="q9"))
    with pytest.raises(VerbError, match=r"/a\.gguf: 'q9' is no type for a KV cache") as raised:
        asking.named(path)
    assert Code.USAGE == raised.value.code
    with pytest.raises(VerbError, match=r"llamacpp:a\.gguf: 'q9' is no type for a KV cache"):
        asking.declared(profile(Variant("llamacpp", path=path)))


def test_a_bare_file_has_one_slot_and_its_own_context(opener: Opener, tmp_path: Path) -> None:
    """And it says so."""
    (way,) = opener.named(str(weigh(tmp_path / "a.gguf", 2))).ways
    option = next(whole(way, opener.host, empty_rooms(opener.host)))
    assert 131072 * 128 * 1024 == option.footprint.component(Component.KV).expected
    assert "131072 tokens" in way.notes[0]


def test_variants_that_cannot_be_read_are_left_out(opener: Opener, tmp_path: Path) -> None:
    """They are said; only when none can be read it is an error."""
    there, gone = (Variant("llamacpp", path=str(tmp_path / name)) for name in ("a.gguf", "b.gguf"))
    weigh(tmp_path / "a.gguf", 2)
    found = opener.declared(profile(gone, there))
    assert ["llamacpp:a.gguf"] == [way.label for way in found.ways]
    assert "a variant was left out: there is no file" in found.notes[0]
    with pytest.raises(NotThere):
        opener.declared(profile(gone))


def test_models_that_run_elsewhere_take_nothing(opener: Opener) -> None:
    """Another server's, or a cloud's."""
    found = opener.declared(profile(Variant("openai", url="http://127.0.0.1:1/v1", model="m")))
    assert ((), "openai:m") == (found.ways, found.elsewhere)


def test_a_backend_chooses_among_variants(opener: Opener, tmp_path: Path) -> None:
    """A profile without one for it is a wrong use."""
    weigh(tmp_path / "a.gguf", 2)
    one = profile(Variant("llamacpp", path=str(tmp_path / "a.gguf")))
    asking = replace(opener, wanted=Wanted(backend="mlx"), settings=Settings(profiles=MappingProxyType({"a": one})))
    with pytest.raises(VerbError, match="no variant for backend mlx") as raised:
        asking.named("a")
    assert Code.USAGE == raised.value.code


def test_a_profile_has_other_names(opener: Opener, tmp_path: Path) -> None:
    """An alias names it as well."""
    weigh(tmp_path / "a.gguf", 2)
    one = replace(profile(Variant("llamacpp", path=str(tmp_path / "a.gguf"))), aliases=("fast",))
    asking = replace(opener, settings=Settings(profiles=MappingProxyType({"a": one})))
    assert "a" == asking.named("fast").name


def test_safetensors_are_for_other_engines(opener: Opener, tmp_path: Path) -> None:
    """VLLM on a machine with a card, MLX on a Mac; llama.cpp does not serve them."""
    folder = checkpoint(tmp_path / "model")
    assert ["vllm"] == [way.backend for way in opener.named(str(folder)).ways]
    mac = replace(opener, host=preset("m2max-64g", Reserve()))
    assert ["mlx"] == [way.backend for way in mac.named(str(folder)).ways]
    for backend, kv_type in (("llamacpp", None), ("vllm", "q5_0"), ("mlx", "q5_0")):
        with pytest.raises(VerbError) as raised:
            replace(opener, wanted=Wanted(backend=backend, kv_type=kv_type)).named(str(folder))
        assert Code.USAGE == raised.value.code


def test_unknown_names_lead_to_the_nearest(opener: Opener) -> None:
    """Exit code 5."""
    one = profile(Variant("llamacpp", path="/nowhere/a.gguf"))
    asking = replace(opener, settings=Settings(profiles=MappingProxyType({"planner": one})))
    with pytest.raises(VerbError, match="did you mean 'planner'") as raised:
        asking.named("plannner")
    assert Code.UNKNOWN_MODEL == raised.value.code
