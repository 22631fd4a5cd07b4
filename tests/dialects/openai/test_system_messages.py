"""System messages beyond the front, for templates that take none there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai.system_messages import LATE, at_the_front, takes_late
from hostd.dialects.request_document import RequestDocument

Json = dict[str, Any]
FIRST = {"role": "system", "content": "S"}
TURN = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]
LATER = {"role": "developer", "content": [{"type": "text", "text": "L"}]}
MARKED = "<system-reminder>\nL\n</system-reminder>"
MESSAGES = st.lists(
    st.builds(
        lambda role, text: {"role": role, "content": text},
        st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
        st.sampled_from(["a", 'say "system"', [{"type": "text", "text": "b"}]]),
    ),
    max_size=7,
)


def sent(*messages: Json) -> list[Json]:
    """Return *messages* as a strict template gets them."""
    found: list[Json] = at_the_front(RequestDocument.of({"model": "m", "messages": list(messages)}))["messages"]
    return found


@pytest.mark.parametrize(
    "messages", [[], [FIRST], [FIRST, *TURN], TURN, "no", [5], [{"role": "user", "content": '"system"'}]]
)
def test_what_is_sound_keeps_its_bytes(messages: object) -> None:
    """One system message at the front, or none; what is no conversation is left to the engine."""
    document = RequestDocument.of({"messages": messages})
    assert document is at_the_front(document)


def test_a_later_one_stays_in_its_place() -> None:
    """As text of the user's, one message with the user's own on either side."""
    assert [FIRST, *TURN, {"role": "user", "content": f"{MARKED}\n\nC"}] == sent(
        FIRST, *TURN, LATER, {"role": "user", "content": "C"}
    )
    assert [{"role": "user", "content": f"A\n\n{MARKED}"}] == sent(TURN[0], LATER)
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    assert [{"type": "text", "text": MARKED}, picture] == sent(
        TURN[0], TURN[1], LATER, {"role": "user", "content": [picture]}
    )[2]["content"]


def test_several_at_the_front_are_one() -> None:
    """Which keeps the role of the first."""
    assert [{"role": "system", "content": "S\n\nL"}, *TURN] == sent(FIRST, LATER, *TURN)


def test_users_own_messages_stay_apart() -> None:
    """Where no system message stands between them."""
    assert [FIRST, TURN[0], TURN[0], {"role": "user", "content": MARKED}] == [
        *sent(FIRST, TURN[0], TURN[0], TURN[1], LATER)[:3],
        sent(FIRST, TURN[0], TURN[0], TURN[1], LATER)[4],
    ]


@given(messages=MESSAGES, more=MESSAGES)
def test_a_turn_begins_with_the_one_before(messages: list[Json], more: list[Json]) -> None:
    """Whatever follows an answer leaves what stands before it as it was; no system message is left but at the front."""
    asked = [{"role": "user", "content": "q"}, *messages]
    before = sent(*asked)
    after = sent(*asked, {"role": "assistant", "content": "said"}, *more)
    assert before == after[: len(before)]
    assert not [message for message in after if message["role"] in ("system", "developer")]


def test_what_a_template_shows() -> None:
    """One that refuses the conversation, or drops the message, does not take it."""
    assert takes_late("".join(str(message["content"]) for message in LATE))
    assert not takes_late(None)
    assert not takes_late("123")
