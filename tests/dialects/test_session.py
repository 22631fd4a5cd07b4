"""What clients call their conversations."""

import json

import pytest
from multidict import CIMultiDict

from hostd.dialects.request_document import RequestDocument
from hostd.dialects.session import LONGEST, session_name

CLAUDE = json.dumps({"device_id": "d", "account_uuid": "", "session_id": "7f3a"})
EMPTY = RequestDocument.of({})


@pytest.mark.parametrize(
    ("headers", "body", "name"),
    [
        ({"x-hostd-session": "mine", "session-id": "codex"}, {"prompt_cache_key": "p"}, "mine"),
        ({"x-claude-code-session-id": "c-1"}, {"metadata": {"user_id": CLAUDE}}, "c-1"),
        ({"session-id": "codex", "thread-id": "t"}, {}, "codex"),
        ({"session_id": "older"}, {}, "older"),
        ({"conversation_id": "older"}, {}, "older"),
        ({"x-session-id": "ses_1", "x-session-affinity": "ses_1"}, {}, "ses_1"),
        ({}, {"prompt_cache_key": "p"}, "p"),
        ({}, {"metadata": {"user_id": CLAUDE}}, "7f3a"),
        ({}, {"metadata": {"user_id": "user_ab_account__session_0-1"}}, "0-1"),
        ({}, {"metadata": {"user_id": "alice"}}, None),
        ({}, {"metadata": {"user_id": "{"}}, None),
        ({}, {"metadata": {"user_id": '{"session_id": 1}'}}, None),
        ({}, {"metadata": []}, None),
        ({}, {"prompt_cache_key": None}, None),
        ({}, {"prompt_cache_key": ["x"]}, None),
        ({"x-hostd-session": ""}, {}, None),
        ({}, {"messages": []}, None),
    ],
)
def test_names(headers: dict[str, str], body: dict[str, object], name: str | None) -> None:
    """A header comes before the body, hostd's own before all others; what is no name is none, and no error."""
    assert name == session_name(CIMultiDict(headers), RequestDocument.parse(json.dumps(body).encode()))


def test_a_strange_name_is_known_by_its_digest() -> None:
    """One that is long or cannot be printed is still one, of a length that logs and tables bear."""
    for strange in ("x" * (LONGEST + 1), "a\tb", "a\udcffb"):
        name = session_name({"X-Hostd-Session": strange}, EMPTY)
        assert name is not None
        assert name.isalnum()
        assert len(name) <= LONGEST
        assert name == session_name({"X-Hostd-Session": strange}, EMPTY)


def test_an_endless_name_in_a_body_is_not_read() -> None:
    """No member of a body is decoded for this that is longer than any client's name."""
    assert session_name({}, RequestDocument.of({"prompt_cache_key": "x" * 10_000})) is None
    assert session_name({}, RequestDocument.of({"metadata": {"user_id": CLAUDE, "more": "x" * 10_000}})) is None
