"""A choice becomes llama-server's words, unless the owner has used them."""

from dataclasses import replace

import pytest

from hostd.backends.llamacpp.placement import elastic_variables, owner_places, placement_words, shares
from hostd.domain.profile import Flag
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption

NEEDS = {"ram": 1}
HOST = LoadOption(0, "m", needs=NEEDS)
CARD = LoadOption(0, "m", Placement.on("cuda:0"), needs=NEEDS)
PARTLY = LoadOption(0, "m", Placement.on("cuda:0"), 22, NEEDS)
SPLIT = LoadOption(0, "m", Placement((("cuda:0", 22.0 * 2**30), ("cuda:1", 11.0 * 2**30))), needs=NEEDS)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (HOST, "-ngl 0 --device none"),
        (CARD, "-ngl 999"),
        (PARTLY, "-ngl 22"),
        (SPLIT, "-ngl 999 -sm layer -ts 22528,11264"),
        (replace(HOST, hides=False), ""),
        (LoadOption(0, "m"), ""),
        (None, ""),
    ],
)
def test_an_option_becomes_flags(option: LoadOption | None, words: str) -> None:
    """Of a choice about which nothing is known, nothing is said; nor where there are graphics that nobody measured."""
    assert words == " ".join(placement_words(option, {}))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"gpu-layers": 3}, "-sm layer -ts 22528,11264"),
        ({"ts": "1,1"}, "-ngl 999"),
        ({"main-gpu": 1}, "-ngl 999 -sm layer -ts 22528,11264"),
        ({"device": "CUDA1,CUDA0"}, "-ngl 999 -sm layer -ts 22528,11264"),
        ({"ot": "blk.0.=CUDA1"}, "-ngl 999 -sm layer -ts 22528,11264"),
        ({"flash-attn": True}, "-ngl 999 -sm layer -ts 22528,11264"),
    ],
)
def test_the_owners_flags_win(args: dict[str, Flag], words: str) -> None:
    """What args set is not set twice."""
    assert words == " ".join(placement_words(SPLIT, args))


def test_no_flag_contradicts_the_owners_devices() -> None:
    """A device that hostd does not see, say under Vulkan, is not switched off by a number of layers."""
    assert () == placement_words(HOST, {"device": "Vulkan0"}) == placement_words(CARD, {"rpc": "box:50052"})


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"dev": "CUDA1"}, True),
        ({"main-gpu": 1, "sm": "none"}, True),
        ({"ot": "exps=CUDA1"}, True),
        ({"rpc": "box:50052"}, True),
        ({"main-gpu": 1}, False),
        ({"ot": "exps=CPU"}, False),
        ({"flash-attn": True}, False),
    ],
)
def test_numbers_in_the_owners_flags_are_left_their_meaning(args: dict[str, Flag], named: bool) -> None:
    """Where hiding some devices would change what they count."""
    assert named is owner_places(args)


def test_experts_on_the_cpu_are_a_flag() -> None:
    """Unless the owner has said which experts, or which tensors, stay there."""
    option = LoadOption(0, "m", Placement.on("cuda:0", host="ram"), needs=NEEDS)
    option = replace(option, placement=replace(option.placement, cpu_experts=12))
    assert ("-ngl", "999", "--n-cpu-moe", "12") == placement_words(option, {})
    assert ("-ngl", "999") == placement_words(option, {"override-tensor": "exps=CPU"})


def test_drafting_is_a_flag_where_the_plan_has_room_for_it() -> None:
    """Unless the owner has set it up himself."""
    option = replace(CARD, placement=replace(CARD.placement, drafts=True))
    assert ("-ngl", "999", "--spec-type", "draft-mtp", "--spec-draft-n-max", "2") == placement_words(option, {})
    assert "/d.gguf" == placement_words(option, {}, "/d.gguf")[-1]
    assert ("-ngl", "999") == placement_words(option, {"spec-type": "ngram-mod"}, "/d.gguf")


def test_shares_are_whole_numbers_in_any_unit() -> None:
    """Equal ones stay equal, and none becomes nothing."""
    assert [1000, 1000] == shares(LoadOption(0, "m", Placement.on("cuda:0", "cuda:1")))
    assert [28, 53] == shares(LoadOption(0, "m", Placement((("cuda:0", 28.0), ("cuda:1", 53.0)))))
    assert [1000, 3000] == shares(LoadOption(0, "m", Placement((("cuda:0", 0.25), ("cuda:1", 0.75)))))


def test_shares_become_the_engines_own_bounds() -> None:
    """Exactly what was set aside, none where nothing was left; without a plan the engine's settings stay as they are."""
    option = LoadOption(0, "a", shares={"cache-ram": 0, "ctx-checkpoints": 3, "another-engines": 5})
    assert {"LLAMA_ARG_CACHE_RAM": "0", "LLAMA_ARG_CTX_CHECKPOINTS": "3"} == elastic_variables(option)
    assert {} == elastic_variables(LoadOption(0, "a")) == elastic_variables(None)
