"""How much KV cache vLLM is told to take."""

from pathlib import Path

import pytest

from hostd.backends import checkpoint_folder
from hostd.backends.vllm.memory import kv_bytes, serving
from hostd.domain.errors import EngineError
from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Flag, Profile
from hostd.planning.footprint import vllm
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.footprint.vllm_serving import VllmServing
from hostd.planning.warm_set.load_option import LoadOption
from tests.counting_model import DIM, HEADS, KV_HEADS, LAYERS, write_counting_model

GIB, MIB = 1 << 30, 1 << 20
TOKEN = LAYERS * KV_HEADS * 2 * (DIM // HEADS) * 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of which a token takes 256 bytes of cache."""
    return write_counting_model(tmp_path_factory.mktemp("models") / "counting", 65_536)


def test_flags_and_plan_agree() -> None:
    """Both come from one place."""
    args: dict[str, Flag] = {"max-num-batched-tokens": 4096, "enforce-eager": True, "kv-cache-memory-bytes": GIB}
    assert VllmServing(context=2048, slots=4, batch=4096, eager=True, kv_bytes=GIB) == serving(
        Profile("m", (), context=2048, slots=4, args=args)
    )
    assert "fp8" == serving(Profile("m", (), kv_type="q8_0")).kv_type
    assert "fp8_e5m2" == serving(Profile("m", (), kv_type="q4_0", args={"kv-cache-dtype": "fp8_e5m2"})).kv_type


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (Profile("m", (), kv_type="q4_0"), "not as q4_0; change kv_type"),
        (Profile("m", (), args={"kv-cache-dtype": "int1"}), "no type for a KV cache"),
        (Profile("m", (), args={"block-size": "big"}), "args: .*'big'"),
        (Profile("m", (), args={"gpu-memory-utilization": 90}), "a share above 0 and up to 1"),
    ],
)
def test_what_makes_no_sense_is_a_bad_flag(profile: Profile, why: str) -> None:
    """In a sentence."""
    with pytest.raises(EngineError, match=why):
        serving(profile)


def test_the_cache_holds_all_slots_and_a_block_for_the_engine(model: Path) -> None:
    """On the processor, whose default would be nearly all of the memory."""
    profile = Profile("m", (), context=32_768, slots=3)
    told = kv_bytes(model, profile, None, on_processor=True)
    assert told is not None
    assert 3 * 32_768 * TOKEN + 128 * TOKEN <= told <= 3 * 32_768 * TOKEN + 2 * MIB
    assert 0 == told % MIB


def test_a_plan_is_kept_and_without_one_a_card_is_the_engines(model: Path) -> None:
    """What a plan gives is what all slots can fill, if the memory that was chosen has the room; else what fits."""
    profile = Profile("m", (), context=32_768, slots=4)
    devices = [Pool("cuda:0", PoolKind.VRAM, "", GIB, GIB, GIB)]
    shape_needs = sum(
        (
            span.high
            for span in vllm.footprint(checkpoint_folder.shape(model), serving(profile), devices)
            .parts["cuda:0"]
            .values()
        ),
        0,
    )
    whole = LoadOption(0, "m", Placement.on("cuda:0"), needs={"cuda:0": shape_needs, "ram": GIB})
    tight = LoadOption(0, "m", Placement.on("cuda:0"), needs={"cuda:0": shape_needs - 16 * MIB, "ram": GIB})
    none = LoadOption(0, "m", Placement.on("cuda:0"), needs={"cuda:0": MIB})
    assert 4 * 32_768 * TOKEN + MIB == kv_bytes(model, profile, whole, on_processor=False)
    assert 2 * 32_768 * TOKEN + MIB == kv_bytes(model, profile, tight, on_processor=False)
    assert 1 * 32_768 * TOKEN + MIB == kv_bytes(model, profile, none, on_processor=False)
    assert kv_bytes(model, profile, None, on_processor=False) is None


def test_what_drafts_has_a_cache_of_its_own(model: Path) -> None:
    """For the same tokens; it is found by its folder, and told where it is not here."""
    drafted = Profile("m", (), context=32_768, slots=1, args={"spec-model": str(model), "spec-tokens": 2})
    devices = LoadOption(0, "m", Placement.on("cuda:0"), needs={"cuda:0": 64 * GIB, "ram": GIB})
    assert 2 * 32_768 * TOKEN + MIB == kv_bytes(model, drafted, devices, on_processor=False)
    with pytest.raises(EngineError, match="run: hostd pull hf:org/head"):
        kv_bytes(model, Profile("m", (), args={"spec-model": "org/head"}), devices, on_processor=False)


def test_the_owner_may_set_everything(model: Path) -> None:
    """In bytes, or as a share of the card."""
    assert GIB == kv_bytes(model, Profile("m", (), args={"kv-cache-memory-bytes": GIB}), None, on_processor=True)
    share = Profile("m", (), args={"gpu-memory-utilization": 0.5})
    assert kv_bytes(model, share, None, on_processor=True) is None


def test_a_model_that_contradicts_itself_is_not_started(model: Path, tmp_path: Path) -> None:
    """The sentence names the folder."""
    broken = write_counting_model(tmp_path / "broken")
    (broken / "config.json").write_text('{"model_type": "frob"}', encoding="utf-8")
    with pytest.raises(EngineError, match=r"broken: config\.json has no num_hidden_layers"):
        kv_bytes(broken, Profile("m", ()), None, on_processor=True)
