"""Conversations that are made shorter."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai.context_fit import (
    SUMMARY_MARK,
    Parts,
    parts_of,
    parts_of_trimmed,
    portions,
    size_of,
    summary_request,
    trimmed,
    with_summary,
)

Json = dict[str, Any]
SYSTEM = {"role": "system", "content": "Be brief."}


def user(text: str) -> Json:
    """Return what the user says."""
    return {"role": "user", "content": text}


def step(number: int, *results: str) -> list[Json]:
    """Return a call of tools with their results."""
    calls = [{"id": f"{number}-{at}", "type": "function"} for at in range(len(results))]
    called: Json = {"role": "assistant", "content": None, "tool_calls": calls}
    return [
        called,
        *({"role": "tool", "tool_call_id": f"{number}-{at}", "content": each} for at, each in enumerate(results)),
    ]


def answer(text: str) -> Json:
    """Return what the model says."""
    return {"role": "assistant", "content": text}


def test_the_oldest_results_go_first() -> None:
    """As many as need be, and of the last of these its beginning and end stay."""
    messages = [user("Go"), *step(1, "a" * 5000), *step(2, "b" * 5000), *step(3, "c" * 5000)]
    found = trimmed(messages, 8000)
    assert (found.results, size_of(found.messages) <= 8000) == (2, True)
    contents = [str(each["content"]) for each in found.messages if each["role"] == "tool"]
    assert contents[0] == "[5000 characters of this result were left out, as the conversation was too long]"
    assert contents[1].startswith("bbbb")
    assert contents[1].endswith("bbbb")
    assert contents[2] == "c" * 5000
    assert messages[2]["content"] == "a" * 5000


def test_what_fits_is_left_alone() -> None:
    """Nothing is cut for nothing."""
    messages = [user("Go"), *step(1, "a" * 5000)]
    assert trimmed(messages, 10_000) == (messages, 0)


def test_pictures_are_no_text() -> None:
    """A result that holds one stays."""
    picture = {"role": "tool", "tool_call_id": "1", "content": [{"type": "image_url", "image_url": {}}]}
    parts = {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "x" * 3000}]}
    found = trimmed([picture, parts], 200)
    assert (found.results, found.messages[0]) == (1, picture)


def test_a_summary_takes_the_place_of_what_is_old() -> None:
    """Instructions stay, and what came last; the user's last words hold it."""
    messages = [SYSTEM, user("Old" * 100), answer("Old" * 100), user("New"), answer("Yes")]
    parts = parts_of(messages, 200)
    assert parts == Parts([SYSTEM], messages[1:3], messages[3:])
    assert parts is not None
    shorter = with_summary(parts, "They met.")
    assert [each["role"] for each in shorter] == ["system", "user", "assistant"]
    assert shorter[1]["content"] == f"{SUMMARY_MARK}\nThey met.\n\nNew"


def test_the_users_task_stays_beside_the_last_steps() -> None:
    """An agent has been at one task for long."""
    messages = [user("The task"), *step(1, "a" * 2000), *step(2, "b" * 300)]
    parts = parts_of(messages, 800)
    assert parts is not None
    assert parts.recent == [messages[0], *messages[3:]]
    assert parts.old == messages[1:3]


def test_parts_of_a_message_keep_their_form() -> None:
    """A picture in it stays where it is."""
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {}}]}
    said = with_summary(Parts([], [answer("x")], [picture]), "It began.")
    assert [part["type"] for part in said[0]["content"]] == ["text", "image_url"]
    alone = with_summary(Parts([], [user("x")], [answer("y")]), "It began.")
    assert [each["role"] for each in alone] == ["user", "assistant"]


@pytest.mark.parametrize("messages", [[], [SYSTEM], [user("x" * 1000)], [user("a"), user("b")]])
def test_what_cannot_be_parted(messages: list[Json]) -> None:
    """Nothing is old, or the last message alone is too long."""
    assert parts_of(messages, 500) is None


def test_what_stays_may_be_cut_where_it_is_too_long() -> None:
    """What is summarised is not: the summary may say what is left out."""
    messages = [user("Old"), *step(1, "a" * 3000), user("New"), *step(2, "b" * 5000)]
    assert parts_of(messages, 1000) is None
    shorter = trimmed(messages, 1000)
    assert shorter.results == 2
    found = parts_of_trimmed(messages, shorter, 700)
    assert found is not None
    parts, cut = found
    assert cut == 1
    assert parts.old[:3] == messages[:3]
    assert size_of(parts.recent) <= 700
    assert parts_of_trimmed(messages, shorter, 100) is None


STEPS = st.lists(
    st.one_of(
        st.builds(lambda text: [user(text)], st.text("ab", max_size=400)),
        st.builds(lambda text: [answer(text)], st.text("ab", max_size=400)),
        st.builds(lambda texts: step(0, *texts), st.lists(st.text("ab", max_size=400), min_size=1, max_size=3)),
    ),
    max_size=8,
)


@given(STEPS, st.integers(0, 3000))
def test_calls_and_their_results_are_never_torn_apart(steps: list[list[Json]], most: int) -> None:
    """Nothing is lost, what stays is within its bound, and each part begins with a message that may stand first."""
    messages = [SYSTEM, *(message for each in steps for message in each)]
    parts = parts_of(messages, most)
    if parts is None:
        return
    assert parts.old
    assert size_of([*parts.head, *parts.recent]) <= most
    kept = sorted(map(json.dumps, [*parts.head, *parts.old, *parts.recent]))
    assert kept == sorted(map(json.dumps, messages))
    for part in (parts.old, parts.recent):
        called = 0
        for message in part:
            if message["role"] == "tool":
                called -= 1
                assert called >= 0
            else:
                assert called == 0
                called = len(message.get("tool_calls", ()))
        assert called == 0


@given(STEPS, st.integers(0, 3000))
def test_trimming_changes_results_alone(steps: list[list[Json]], most: int) -> None:
    """It makes nothing longer, and touches nothing that it need not."""
    messages = [message for each in steps for message in each]
    found = trimmed(messages, most)
    assert size_of(found.messages) <= size_of(messages)
    changed = [(old, new) for old, new in zip(messages, found.messages, strict=True) if old != new]
    assert len(changed) == found.results
    assert all(old["role"] == "tool" for old, _ in changed)
    if size_of(messages) <= most:
        assert not changed


def test_portions_have_what_was_said() -> None:
    """Cut between messages where that is possible."""
    found = portions([user("a" * 30), answer("b" * 30), user("c" * 200)], 80)
    assert all(len(each) <= 80 for each in found)
    assert found[0] == f"user: {'a' * 30}\nassistant: {'b' * 30}\n"[: len(found[0])]
    assert "".join(found).count("c") == 200


def test_a_summary_goes_on_from_the_one_before() -> None:
    """So that a long conversation takes several."""
    asked = summary_request("small", "more", "They met.", 50)
    text = asked["messages"][1]["content"]
    assert text.index("They met.") < text.index("more")
    assert asked["max_tokens"] == 100
