"""What hostd will tell llama-server, read back."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from hostd.backends.llamacpp import serving_config
from hostd.backends.llamacpp.serving_config import engine_build, profile_serving
from hostd.domain.errors import ConfigError, EngineError
from hostd.domain.profile import Capabilities, Flag, Profile, Variant
from hostd.planning.footprint.llamacpp_serving import MIB, DraftServing, Serving
from tests.cli.models import weigh

PROFILE = Profile("a", (Variant("llamacpp", path="a.gguf"),), context=8192, slots=2)


def served(**args: Flag) -> Serving:
    """Return the flags for a profile with these args, underscores for dashes."""
    named = {name.replace("_", "-"): value for name, value in args.items()}
    return profile_serving(replace(PROFILE, args=MappingProxyType(named)), None)


def test_context_is_per_request() -> None:
    """Slots do not share it; a profile without one takes the model's, which all slots share."""
    flags = served()
    assert (16384, 2, False, None, None) == (
        flags.context,
        flags.slots,
        flags.unified,
        flags.cache_ram,
        flags.checkpoints,
    )
    free = profile_serving(replace(PROFILE, context=None), None)
    assert (0, True) == (free.context, free.unified)


def test_args_are_read_as_the_engine_reads_them() -> None:
    """Every flag that decides memory, in long and short; words that decide nothing are passed over."""
    flags = served(
        ub=256, batch_size=1024, flash_attn=True, ctk="q8_0", cache_type_v="q4_0", kv_unified=True, ngl=20, cpu_moe=True
    )
    assert (256, 1024, "on", "q8_0", "q4_0", True, 20) == (
        flags.ubatch,
        flags.batch,
        flags.flash,
        flags.key_type,
        flags.value_type,
        flags.unified,
        flags.gpu_layers,
    )
    assert flags.cpu_experts > 100
    more = served(swa_full=True, kv_offload=False, cache_ram=64, temp=0.5, mlock=True, gpu_layers="all")
    assert (True, False, 64 * MIB, None) == (more.full_window, more.kv_on_gpu, more.cache_ram, more.gpu_layers)


@pytest.mark.parametrize(
    ("args", "mapped"),
    [
        ({}, True),
        ({"mmap": False}, False),
        ({"mlock": True}, False),
        ({"load_mode": "mmap"}, True),
        ({"lm": "none"}, False),
        ({"load_mode": "mmap+mlock"}, False),
    ],
)
def test_how_weights_are_loaded_is_told(args: dict[str, Flag], mapped: bool) -> None:
    """The system can drop weights that are mapped from the file, unless they are locked."""
    assert mapped is served(**args).mapped


@pytest.mark.parametrize(
    "args", [{"ubatch_size": "many"}, {"cache_type_k": "q9"}, {"ub": 0}, {"flash_attn": "perhaps"}, {"cache_ram": -1}]
)
def test_nonsense_in_args_is_bad_configuration(args: dict[str, Flag]) -> None:
    """It names the profile."""
    with pytest.raises(ConfigError, match=r"profile 'a'.*args: "):
        served(**args)


def test_embeddings_take_one_batch(tmp_path: Path) -> None:
    """As hostd launches them; without the file it only knows that all tokens have outputs."""
    profile = replace(PROFILE, capabilities=Capabilities(embeddings=True))
    assert profile_serving(profile, weigh(tmp_path / "a.gguf", 1)).embeddings
    assert profile_serving(profile, None).embeddings
    assert profile_serving(replace(PROFILE, capabilities=Capabilities(rerank=True)), None).embeddings


def test_the_build_is_that_of_the_engine_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for once; no engine has no build."""

    def nothing(_: tuple[str, ...]) -> tuple[str, ...]:
        raise EngineError("none is installed")

    monkeypatch.setattr(serving_config, "locate", lambda _: ("llama-server",))
    monkeypatch.setattr(serving_config, "kept_build_of", lambda program, _: len(program))
    engine_build.cache_clear()
    assert 1 == engine_build()
    monkeypatch.setattr(serving_config, "locate", nothing)
    assert 1 == engine_build()
    engine_build.cache_clear()
    assert engine_build() is None
    engine_build.cache_clear()


def test_a_models_own_drafting_layers_are_counted() -> None:
    """With as many tokens as the owner, or the engine, drafts at a time; drafting by n-grams takes no memory."""
    assert 2 == served(spec_type="draft-mtp", spec_draft_n_max=2).draft
    assert 3 == served(spec_type="draft-mtp").draft
    assert 0 == served(spec_type="ngram-simple", spec_draft_n_max=2).draft
    assert 0 == served(spec_type="none").draft == served(spec_type="none").verified


def test_a_draft_model_has_its_own_flags() -> None:
    """In long and short names; its tokens are verified, and states are taken back only for layers made for the model."""
    found = served(
        md="d.gguf", spec_type="draft-simple", ctkd="q8_0", cache_type_v_draft="q4_0", ngld=9, ncmoed=2, cd=512
    )
    assert DraftServing("q8_0", "q4_0", 512, 9, 2) == found.drafter
    assert (0, 3, None) == (found.draft, found.verified, found.rollback)
    assert (0, 2, 2) == (
        (made := served(md="d.gguf", spec_type="draft-mtp", spec_draft_n_max=2)).draft,
        made.verified,
        made.rollback,
    )
    assert (None, False) == (
        (drafter := served(md="d.gguf", ngld="all", devd="none").drafter).gpu_layers,
        drafter.on_gpu,
    )


def test_the_owners_shares_of_the_layers_are_counted() -> None:
    """In either form that the engine reads."""
    assert (36.0, 13.0) == served(tensor_split="36,13").tensor_split == served(ts="36/13").tensor_split


@pytest.mark.parametrize(
    ("args", "unreckoned"),
    [
        ({"rpc": "box:50052"}, ("rpc",)),
        ({"spec_draft_override_tensor": "exps=CPU"}, ("spec-draft-override-tensor",)),
        ({"hfd": "a/b"}, ("hfd",)),
        ({"lora": "/not/here.gguf"}, ("lora",)),
        ({"device": "Vulkan1"}, ("device",)),
        ({"device": "CUDA1"}, ()),
        ({"device": "none"}, ()),
        ({"split_mode": "row", "main_gpu": 1}, ("main-gpu",)),
        ({"split_mode": "none", "main_gpu": 1}, ()),
        ({"main_gpu": 1}, ()),
        ({"spec_draft_device": "CUDA1"}, ("spec-draft-device",)),
        ({"override_tensor": "exps=CPU", "model_draft": "b.gguf", "mmproj": "c.gguf"}, ()),
    ],
)
def test_flags_that_nothing_can_be_promised_with_are_named(args: dict[str, Flag], unreckoned: tuple[str, ...]) -> None:
    """What files tell is left to those who read them, and what changes no memory is passed over."""
    assert unreckoned == served(**args).unreckoned


def test_adapters_and_companions_are_counted(tmp_path: Path) -> None:
    """Adapters by the sizes of their files, several of them with scales; others are named to those who read headers."""
    first, second = tmp_path / "a.gguf", tmp_path / "b.gguf"
    first.write_bytes(bytes(100))
    second.write_bytes(bytes(20))
    assert 120 == served(lora=f"{first},{second}").adapter_bytes
    assert 120 == served(lora_scaled=f"{first}:0.5,{second}:-1").adapter_bytes
    found = served(control_vector="v.gguf", md="d.gguf", mm="p.gguf", ot="exps=CPU", sm="row", device="none")
    assert (True, "d.gguf", "p.gguf", "exps=CPU", "row", False) == (
        found.control_vector, found.draft_model, found.projector, found.overrides, found.split, found.devices
    )  # fmt: skip
