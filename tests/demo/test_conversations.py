"""Conversations to learn from."""

import importlib
import itertools
import random
from typing import Any

talks = importlib.import_module("demo_models.conversations")
recipe = importlib.import_module("demo_models.recipe")

TURNS = [talks.Turn([100] * size, [200] * (2 * size)) for size in (1, 3, 9, 30)]


def shape(context: int) -> Any:
    """Return a shape whose vocabulary holds the tokens below."""
    return recipe.Shape(64, 2, 2, 1, 160, 300, context)


def some(count: int, context: int = 512) -> list[Any]:
    """Return conversations whose questions are 100s and answers 200s."""
    return list(itertools.islice(talks.conversations(TURNS, shape(context), random.Random(2)), count))


def test_only_answers_are_learnt() -> None:
    """Labels are answers and their ends, nothing of what the user or the system said."""
    expected = {talks.IGNORED, 200, recipe.END}
    assert expected == {label for one in some(300) for label in one.labels}


def test_labels_are_the_tokens_themselves() -> None:
    """What is to be predicted stands at its own place."""
    pairs = [pair for one in some(300) for pair in zip(one.tokens, one.labels, strict=True)]
    assert all(label in (token, talks.IGNORED) for token, label in pairs)


def test_no_conversation_is_longer_than_the_context() -> None:
    """The one in a hundred that fills the context does not overflow it."""
    assert max(len(one.tokens) for one in some(2000, context=320)) <= 320


def test_a_batch_has_one_length() -> None:
    """Conversations of a batch are padded to the longest, and the batch keeps to its size."""
    source = talks.conversations(TURNS, shape(512), random.Random(2))
    for batch in itertools.islice(talks.batches(source, 1024, random.Random(2)), 30):
        sizes = {len(one.tokens) for one in batch}
        expected = 1
        assert expected == len(sizes)
        assert sum(len(one.tokens) for one in batch) <= 1024
