"""What a judge is asked, and what its words mean."""

import pytest

from hostd.routing.cascade.judge import question, will_do
from tests.routing.cascade.answers import said


def test_it_reads_the_end_of_the_conversation_and_the_answer() -> None:
    """Texts, parts and calls; however long, as much as it can take."""
    asked = {
        "messages": [
            {"role": "user", "content": "first " + "x" * 50_000},
            {"role": "user", "content": [{"type": "text", "text": "last"}, {"type": "image_url"}]},
        ]
    }
    made = question(asked, said("done", ("f", '{"n": 1}')), "referee")
    text = made["messages"][1]["content"]  # type: ignore[index]
    assert made["model"] == "referee"
    assert "first" not in text
    assert "user: last" in text
    assert 'done\ncalls f({"n": 1})' in text
    assert len(text) < 30_000


@pytest.mark.parametrize(
    ("verdict", "meaning"),
    [("Yes.", True), ("**no**", False), ("The answer: no, since", False), ("Not sure", None), ("", None)],
)
def test_a_verdict(verdict: str, meaning: bool | None) -> None:
    """The first yes or no."""
    assert will_do(verdict) is meaning
