"""A model's cards: those that the owner's variables show its engine, and of these the ones that its flags name."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from hostd.backends.visible_cards import VisibleCards
from hostd.domain.footprint import Component, Footprint, Span
from hostd.domain.host import Host
from hostd.domain.profile import Flag, Profile, Variant
from hostd.models.open import open_header
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.warm_set.load_option import LoadOption, load_options, pool_budgets
from hostd.sizing.serving_modes import ServingModeFactory
from hostd.sizing.usable_cards import on_cards
from tests.planning.machines import machine
from tests.planning.stub import model

KEYS = {"block_count": 8, "embedding_length": 256, "attention__head_count": 2, "context_length": 512}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The file of a small model."""
    tensors = [(f"blk.{number}.ffn_up.weight", (256, 1 << 16), "f16") for number in range(8)]
    (tmp_path / "m.gguf").write_bytes(model("llama", [("token_embd.weight", (256, 64), "f16"), *tensors], **KEYS))
    return tmp_path / "m.gguf"


def served(path: Path, host: Host, env: Mapping[str, str], **args: Flag) -> ServingMode:
    """Return how the model is served with these variables and flags."""
    profile = Profile("m", (Variant("llamacpp", path=str(path)),), context=512, slots=1, args=args, env=env)
    return ServingModeFactory(host, open_header).declared(profile, profile.variants[0])[1]


def best(mode: ServingMode, host: Host) -> LoadOption:
    """Return the best option on an empty host."""
    return load_options(mode, host, pool_budgets(host))[0][0]


@pytest.mark.parametrize(
    ("env", "args", "devices"),
    [
        ({}, {}, ("cuda:2",)),
        ({"CUDA_VISIBLE_DEVICES": "0"}, {}, ("cuda:0",)),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, {"tensor-split": "3,1"}, ("cuda:1", "cuda:0")),
        ({}, {"tensor-split": "3,1"}, ("cuda:0", "cuda:1")),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, {"device": "CUDA1"}, ("cuda:0",)),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, {"device": "CUDA1,CUDA0"}, ("cuda:0", "cuda:2")),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, {"split-mode": "none", "main-gpu": 1}, ("cuda:0",)),
        ({"CUDA_VISIBLE_DEVICES": ""}, {}, ()),
        ({}, {"override-tensor": "blk.0.=CUDA1"}, ("cuda:0", "cuda:1", "cuda:2")),
    ],
)
def test_an_option_is_on_the_owners_cards(
    weights: Path, env: dict[str, str], args: dict[str, Flag], devices: tuple[str, ...]
) -> None:
    """In the order in which the engine numbers them."""
    host = machine(24, 24, 16)
    mode = served(weights, host, env, **args)
    option = best(mode, host)
    assert devices == tuple(pool for pool, _ in option.placement.devices)
    assert () == option.footprint.unreckoned
    assert bool(env) == any(note.startswith("CUDA_VISIBLE_DEVICES=") for note in mode.notes)


def test_shares_are_dealt_in_the_owners_order(weights: Path) -> None:
    """The first share is for the first card that he shows."""
    host = machine(24, 24)
    there = best(served(weights, host, {"CUDA_VISIBLE_DEVICES": "1,0"}, **{"tensor-split": "7,1"}), host).footprint
    stored = {pool: there.parts[pool].get(Component.WEIGHTS, Span()).low for pool in ("cuda:1", "cuda:0")}
    assert {"cuda:1": 8 * (256 << 17), "cuda:0": 64 * 256 * 2} == stored


@pytest.mark.parametrize(
    ("env", "args", "named"),
    [
        ({"CUDA_VISIBLE_DEVICES": "0"}, {"device": "CUDA1"}, ("device",)),
        ({}, {"device": "Vulkan0"}, ("device",)),
        ({}, {"rpc": "box:50052"}, ("rpc",)),
        ({"CUDA_VISIBLE_DEVICES": "0"}, {"split-mode": "none", "main-gpu": 1}, ("main-gpu",)),
        ({}, {"override-tensor": "blk.0.=CUDA7"}, ("override-tensor",)),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1"}, {}, ("CUDA_VISIBLE_DEVICES",)),
    ],
)
def test_what_names_no_known_card_is_named(
    weights: Path, env: dict[str, str], args: dict[str, Flag], named: tuple[str, ...]
) -> None:
    """So that nothing is promised."""
    host = machine(24, 24)
    assert named == best(served(weights, host, env, **args), host).footprint.unreckoned


def test_without_a_card_an_engine_that_needs_one_has_no_place() -> None:
    """And the reason is the owner's variable, not the machine."""
    host, seen = machine(24), VisibleCards((), "CUDA_VISIBLE_DEVICES= hides all cards from it")
    mode = on_cards(ServingMode("vllm:m", "vllm", lambda *_: Footprint({}), cards_only=True), seen, host)
    assert ([], None) == load_options(mode, host, pool_budgets(host))
    assert "vllm needs a card, and CUDA_VISIBLE_DEVICES= hides all cards from it" == mode.why_not(host.accelerators)
