"""An answer is judged by its status and its words before its bytes are believed."""

from email.message import Message

import pytest

from hostd.library.answer import judge_status, place
from hostd.library.unreadable import NotThere, Unreachable, Unreadable


@pytest.mark.parametrize("status", [200, 206])
def test_success_passes(status: int) -> None:
    """Whole answers and parts are both fine."""
    judge_status(status, Message(), "https://hub/x")


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotThere), (429, Unreachable), (502, Unreachable), (403, Unreadable), (204, Unreadable)]
)
def test_each_refusal_has_its_kind(status: int, kind: type[Unreadable]) -> None:
    """What is missing, what may work later, and what will not work are different."""
    with pytest.raises(Unreadable) as caught:
        judge_status(status, Message(), "https://hub/x")
    assert kind is type(caught.value)


def test_a_hub_that_names_no_seconds_is_asked_later() -> None:
    """A date or nonsense in retry-after is not repeated."""
    headers = Message()
    headers["retry-after"] = "Fri, 31 Dec 1999"
    with pytest.raises(Unreachable, match="try again later"):
        judge_status(503, headers, "https://hub/x")


def test_sentences_carry_no_signature() -> None:
    """Names, passwords and signed queries do not get into messages and logs."""
    assert "https://hub/a/b.gguf" == place("https://me:secret@hub/a/b.gguf?X-Signature=abc")
