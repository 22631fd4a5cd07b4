"""A header and a profile become serving modes, engine by engine."""

from dataclasses import replace
from pathlib import Path

import pytest

from hostd.domain.footprint import Component
from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.domain.profile import Capabilities, Flag, Profile, Variant
from hostd.hardware.simulated import preset
from hostd.models.errors import BadReference
from hostd.models.open import open_header
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.sizing.serving_modes import ServingModeFactory, ServingOverrides, takes_memory
from tests.cli.models import GIB, weigh

PROCESSOR = Host("Linux", "a processor", 64 * GIB, (Pool("ram", PoolKind.RAM, "", 64 * GIB, 60 * GIB, 60 * GIB),))


def factory(host: Host, *, processor: bool = False, asked: ServingOverrides = ServingOverrides()) -> ServingModeFactory:  # noqa: B008 - frozen
    """Return the factory for *host*."""
    return ServingModeFactory(host, open_header, asked, processor=processor)


@pytest.mark.parametrize(
    ("variant", "takes"),
    [
        (Variant("llamacpp", path="/m.gguf"), True),
        (Variant("ollama", tag="m:9b"), True),
        (Variant("ollama", tag="m:9b", url="http://127.0.0.1:11434"), True),
        (Variant("ollama", tag="m:9b", url="http://10.0.0.1:11434"), False),
        (Variant("openai", url="http://127.0.0.1:1/v1"), False),
        (Variant("cloud", provider="p", model="m"), False),
        (Variant("foreign", path="/m"), False),
    ],
    ids=repr,
)
def test_memory_is_taken_where_an_engine_that_we_know_runs(variant: Variant, takes: bool) -> None:
    """Even where another program runs it here; on another host it takes none of ours."""
    assert takes is takes_memory(variant)


def test_what_is_asked_changes_the_flags() -> None:
    """One KV type means both; a larger micro-batch needs a larger batch."""
    asked = ServingOverrides(context=1000, kv_type="q8_0, f16", flash="on", ubatch=4096, unified=True)
    flags = asked.on(Serving(slots=2, unified=False))
    assert (1000, "q8_0", "f16", "on", 4096, 4096, True) == (
        flags.context,
        flags.key_type,
        flags.value_type,
        flags.flash,
        flags.ubatch,
        flags.batch,
        flags.unified,
    )
    both = ServingOverrides(kv_type="q4_0").on(Serving())
    assert ("q4_0", "q4_0") == (both.key_type, both.value_type)
    assert Serving() == ServingOverrides().on(Serving())
    with pytest.raises(ValueError, match="'q9' is no type"):
        ServingOverrides(kv_type="q9").on(Serving())


def test_a_profile_is_served_as_it_says(tmp_path: Path) -> None:
    """Its context is each slot's own, whichever of the engines for GGUF serves it."""
    variant = Variant("llamacpp", path=str(weigh(tmp_path / "a.gguf", 2)))
    profile = Profile("a", (variant,), context=4096, slots=2)
    for backend in ("llamacpp", "ollama"):
        header, mode = factory(preset("rtx4090", Reserve())).declared(profile, replace(variant, backend=backend))
        assert (backend, "a") == (mode.backend, header.name)
        assert 2 * 4096 * 128 * 1024 == mode.estimate(Placement.on("cuda:0"), None).component(Component.KV).expected
    more = factory(preset("rtx4090", Reserve()), asked=ServingOverrides(slots=4)).declared(profile, variant)[1]
    assert 4 * 4096 * 128 * 1024 == more.estimate(Placement(), None).component(Component.KV).expected


def test_ollama_serves_some_models_one_request_at_a_time(tmp_path: Path) -> None:
    """Those that only embed, and families that its llama-server cannot serve otherwise; the plan counts one context for them."""
    variant = Variant("ollama", path=str(weigh(tmp_path / "a.gguf", 2)))
    profile = Profile("a", (variant,), context=4096, slots=4, capabilities=Capabilities(embeddings=True))
    making = factory(preset("rtx4090", Reserve()))
    header, mode = making.declared(profile, variant)
    assert 4096 * 128 * 1024 == mode.estimate(Placement.on("cuda:0"), None).component(Component.KV).expected
    alone = replace(header, shape=replace(header.shape, architecture="qwen35"))
    assert [4, 1] == [making.ollama(each, 4096, 4, "f16").slots for each in (header, alone)]


@pytest.mark.parametrize(
    ("value", "url"), [("off", None), (False, None), ("on", None), ("off", "http://127.0.0.1:11434")]
)
def test_ollama_is_told_of_flash_attention_where_hostd_starts_it(tmp_path: Path, value: Flag, url: str | None) -> None:
    """Without it the scores of a micro-batch are memory of their own; a server that runs already has its owner's setting."""
    variant = Variant("ollama", path=str(weigh(tmp_path / "a.gguf", 2)), url=url)
    profile = Profile("a", (variant,), context=16_384)
    told = replace(profile, args={"flash-attn": value})
    making = factory(preset("rtx4090", Reserve()))
    found = [making.declared(each, variant)[1].estimate(Placement.on("cuda:0"), None) for each in (profile, told)]
    without, with_it = (each.component(Component.COMPUTE).high for each in found)
    assert (with_it > without) is (value in ("off", False) and url is None)


def test_ollama_gives_no_request_more_context_than_its_model_was_trained_for(tmp_path: Path) -> None:
    """Whatever the profile says."""
    variant = Variant("ollama", path=str(weigh(tmp_path / "a.gguf", 2)))
    making = factory(PROCESSOR)
    header, _ = making.declared(Profile("a", (variant,)), variant)
    trained = replace(header, shape=replace(header.shape, context=2048))
    assert [1024, 2048, 2048] == [making.ollama(trained, each, 1, "f16").context for each in (1024, 4096, None)]


def test_weights_that_are_nowhere_are_a_bad_reference() -> None:
    """There is nothing to open."""
    with pytest.raises(BadReference, match="does not say where its weights are"):
        factory(PROCESSOR).declared(Profile("a", ()), Variant("llamacpp"))
