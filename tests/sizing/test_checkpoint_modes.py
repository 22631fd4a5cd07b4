"""Models in safetensors become serving modes of vLLM and MLX."""

import json
from pathlib import Path

import pytest

from hostd.domain.footprint import Component, Footprint
from hostd.domain.host import Reserve
from hostd.domain.profile import Flag, Profile, Variant
from hostd.hardware.simulated import preset
from hostd.planning.footprint.llamacpp_serving import Placement
from tests.models.weights import checkpoint
from tests.sizing.test_serving_modes import PROCESSOR, factory


@pytest.mark.parametrize("backend", ["vllm", "mlx"])
def test_a_build_for_processors_takes_main_memory_only(tmp_path: Path, backend: str) -> None:
    """Where it is said that there is one; else these engines want an accelerator."""
    folder = checkpoint(tmp_path / "model")
    profile, variant = Profile("a", (), context=64), Variant(backend, path=str(folder))
    assert factory(PROCESSOR).declared(profile, variant)[1].cards_only
    header, mode = factory(PROCESSOR, processor=True).declared(profile, variant)
    found = mode.estimate(Placement(), None)
    assert {"ram"} == set(found.parts)
    assert not mode.cards_only
    assert found.component(Component.WEIGHTS).high >= header.shape.weight_bytes > 0


def test_a_model_that_drafts_in_vllm_is_counted(tmp_path: Path) -> None:
    """Its weights, and the cache of its layers; where its numbers cannot be had, nothing is promised."""
    folder, small = checkpoint(tmp_path / "model"), checkpoint(tmp_path / "small")
    host, variant = preset("rtx4090", Reserve()), Variant("vllm", path=str(folder))

    def there(**args: Flag) -> Footprint:
        flags = {name.replace("_", "-"): value for name, value in args.items()}
        profile = Profile("a", (variant,), context=1024, args=flags)
        return factory(host).declared(profile, variant)[1].estimate(Placement.on("cuda:0"), None)

    alone, drafted = there(), there(speculative_config=json.dumps({"model": str(small), "num_speculative_tokens": 3}))
    for component in (Component.WEIGHTS, Component.KV):
        assert 2 * alone.component(component).low == drafted.component(component).low > 0
    assert () == drafted.unreckoned
    for config in ({"model": "/not/here"}, {"method": "medusa"}):
        assert ("speculative-config",) == there(speculative_config=json.dumps(config)).unreckoned
