"""Which conversation a request continues."""

import json
from typing import Any

import pytest

from hostd.dialects.conversation import conversation_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.conversation import UNKNOWN, ConversationId
from hostd.domain.principal import ANONYMOUS, Principal, PrincipalKind

SYSTEM, FIRST = "You are a coder. " * 40, "Mend the test. " * 30
MORE = [{"role": "assistant", "content": "Done."}, {"role": "user", "content": "Now the next one."}]
CHAT = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": FIRST}]


def of(body: object, session: str | None = "s", principal: Principal = ANONYMOUS) -> ConversationId:
    """Return the conversation of a request with *body*."""
    return conversation_of(principal, session, RequestDocument.parse(json.dumps(body).encode()))


def marked(text: str) -> list[dict[str, Any]]:
    """Return a text as Anthropic's clients send it while it is new."""
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"messages": CHAT}, {"messages": CHAT + MORE, "temperature": 1}),
        ({"messages": CHAT}, {"messages": [CHAT[0], {"content": marked(FIRST), "role": "user"}, *MORE]}),
        (
            {"system": marked(SYSTEM), "messages": [{"role": "user", "content": marked(FIRST)}]},
            {"system": SYSTEM, "messages": [{"role": "user", "content": FIRST}, *MORE]},
        ),
        (
            {
                "system": [{"type": "text", "text": "x-anthropic-billing-header: a"}, *marked(SYSTEM)],
                "messages": CHAT[1:],
            },
            {
                "system": [{"type": "text", "text": "x-anthropic-billing-header: b"}, *marked(SYSTEM)],
                "messages": CHAT[1:],
            },
        ),
        (
            {"instructions": SYSTEM, "input": FIRST},
            {
                "instructions": SYSTEM,
                "input": [{"role": "user", "content": [{"type": "input_text", "text": FIRST}]}, *MORE],
            },
        ),
        ({"system": SYSTEM, "prompt": FIRST}, {"prompt": FIRST, "system": SYSTEM}),
        ({"messages": [*CHAT[:1], {"role": "user", "content": "é" * 400_000}]}, None),
    ],
)
def test_turns_of_one_conversation(one: object, other: object | None) -> None:
    """Whatever has been added, and however the client marks the same texts."""
    assert of(one) == of(one if other is None else other)
    assert UNKNOWN != of(one)


@pytest.mark.parametrize(
    "other",
    [
        {"messages": [CHAT[0], {"role": "user", "content": FIRST + "!"}]},
        {"messages": [{"role": "system", "content": SYSTEM + "!"}, CHAT[1]]},
        {"messages": [CHAT[1]]},
        {"messages": [CHAT[0], {"role": "user", "content": [{"type": "text", "text": "a"}, *marked(FIRST)]}]},
    ],
)
def test_other_beginnings_are_other_conversations(other: object) -> None:
    """As the side questions of an agent's program are, which it sends in the same session."""
    assert of({"messages": CHAT}).key != of(other).key


def test_sessions_and_clients_are_apart() -> None:
    """The same words of another session are another conversation that begins alike; of another client, nothing is the same."""
    mine = of({"messages": CHAT})
    assert mine.key != of({"messages": CHAT}, session=None).key
    assert mine.preamble == of({"messages": CHAT}, session=None).preamble
    for other in (Principal("ann"), Principal("ann", PrincipalKind.KEY), Principal("bob", PrincipalKind.KEY)):
        assert not {*mine} & {*of({"messages": CHAT}, principal=other)}


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"messages": []}, {"messages": None}, {"messages": 3}, {"messages": [3, []]}, {"messages": {"a": 1}}),
        *({"messages": [{"role": "user"}]}, {"prompt": [1, 2]}, {"prompt": ""}, {"system": {"text": 3}}),
    ],
)
def test_nothing_to_tell_by(body: object) -> None:
    """A request without texts continues nothing that could be found again."""
    assert UNKNOWN == of(body)


def test_no_instructions_are_no_beginning() -> None:
    """Conversations without any are not taken for alike."""
    assert "" == of({"messages": CHAT[1:]}).preamble
