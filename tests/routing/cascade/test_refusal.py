"""Answers that say nothing, or that they will not."""

import pytest

from hostd.routing.cascade import refusal
from hostd.routing.cascade.said import Said
from tests.routing.cascade.answers import PROSE, said


@pytest.mark.parametrize(
    "answer",
    [
        said(""),
        said(" \n"),
        said("", reasoning="I think", reason="length"),
        said("I'm sorry, but I can't help with that."),
        said("I\u2019m unable to assist with this request."),
        said("As an AI language model, I cannot do that."),
        said("Es tut mir leid, dabei kann ich leider nicht helfen."),
        said("Fine", refusal="No."),
        said("Text", reason="content_filter"),
    ],
)
def test_a_refusal(answer: Said) -> None:
    """In the words of models, or by a member or a reason of its own."""
    assert refusal.failure({}, answer)


@pytest.mark.parametrize(
    "answer",
    [
        said("Hello."),
        said(PROSE),
        said("", ("f", "{}")),
        said("I'm sorry for the delay. The result is 4."),
        said("Sorry, I can't find it in a.py. " + PROSE),
        said("The function cannot return None."),
    ],
)
def test_an_answer(answer: Said) -> None:
    """One that begins with a regret and goes on for long may be what was asked for."""
    assert refusal.failure({}, answer) is None
