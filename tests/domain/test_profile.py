"""What the owner declares."""

import dataclasses

import pytest

from hostd.domain.profile import Capabilities, FallbackRule, Price, Profile, Settings, Variant
from hostd.domain.reason import USUAL_REASONS, FallbackReason
from hostd.domain.ticket import Task


@pytest.mark.parametrize(
    ("variant", "label"),
    [
        (Variant("llamacpp", path="/models/q-Q4_K_M.gguf"), "llamacpp:q-Q4_K_M.gguf"),
        (Variant("llamacpp", hf="a/b", file="sub/q.gguf"), "llamacpp:q.gguf"),
        (Variant("mlx", hf="mlx-community/q-4bit"), "mlx:q-4bit"),
        (Variant("mlx", path="/models/q/"), "mlx:q"),
        (Variant("ollama", tag="q:9b"), "ollama:q:9b"),
        (Variant("openai", url="http://h/v1", model="m"), "openai:m"),
        (Variant("openai", url="http://h:1234/v1"), "openai:h:1234"),
    ],
)
def test_a_variant_has_a_short_name(variant: Variant, label: str) -> None:
    """The engine and the last part of where the weights are."""
    assert label == variant.label


def test_a_key_is_not_in_a_status_line() -> None:
    """A variant may be logged."""
    assert "sk-1" not in repr(Variant("cloud", provider="p", model="m", api_key="sk-1"))


def test_a_fallback_is_for_every_reason_by_default() -> None:
    """One that is added later counts too; a refusal by policy has to be named, and circles are for a role's `safety` alone."""
    assert USUAL_REASONS == FallbackRule("x").on
    rare = {FallbackReason.CONTENT_POLICY, FallbackReason.LOOP, FallbackReason.CHECK_FAILED}
    assert set(FallbackReason) - rare == USUAL_REASONS


@pytest.mark.parametrize("task", Task)
def test_a_model_has_one_task(task: Task) -> None:
    """It is what the owner declares."""
    assert task is Capabilities.of(task).task


@pytest.mark.parametrize("noun", [Settings(), Profile("p", ()), Variant("llamacpp")])
def test_nouns_are_frozen(noun: Settings | Profile | Variant) -> None:
    """What was declared is never changed in place, its mappings included."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(noun, dataclasses.fields(noun)[0].name, "other")


def test_default_mappings_are_frozen() -> None:
    """Two profiles never share a mapping that one of them could change."""
    with pytest.raises(TypeError):
        Profile("p", ()).args["threads"] = 1  # type: ignore[index]  # what is tested


@pytest.mark.parametrize(
    ("price", "prompt", "output", "cost"),
    [
        (Price(2.0, 8.0), 1000, 500, 0.006),
        (Price(2.0), 1000, 0, 0.002),
        (Price(output=8.0), 0, 500, 0.004),
        (Price(2.0, 8.0), 0, 500, None),
        (Price(), 1000, 500, None),
    ],
)
def test_what_an_answer_costs(price: Price, prompt: int, output: int, cost: float | None) -> None:
    """By the million tokens; unknown where there is no price, or a prompt that has one was not counted."""
    assert cost == price.of(prompt, output)
