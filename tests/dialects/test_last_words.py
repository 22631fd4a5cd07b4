"""What the user said last is found in every dialect, behind whatever tools have answered since."""

from typing import Any

import pytest

from hostd.dialects.last_words import LastWords, last_words
from hostd.dialects.request_document import RequestDocument

_USER = {"role": "user", "content": "do it"}
_CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"messages": [{"role": "user", "content": "first"}, _USER]}, LastWords("do it")),
        ({"messages": [_USER, _CALL, {"role": "tool", "content": "done"}]}, LastWords("do it", True)),
        (
            {"messages": [_USER, {"role": "user", "content": [{"type": "tool_result", "content": "x"}]}]},
            LastWords("do it", True),
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [_text("a"), {"type": "image"}, _text("b")],
                    }
                ]
            },
            LastWords("a\nb"),
        ),
        ({"input": "do it"}, LastWords("do it")),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "do it"}]}]}, LastWords("do it")),
        (
            {"input": [_USER, {"type": "function_call"}, {"type": "function_call_output"}]},
            LastWords("do it", True),
        ),
        ({"prompt": "do it"}, LastWords("do it")),
        ({"query": "do it", "documents": ["x"]}, LastWords("do it")),
        ({"messages": [_USER, {"role": "assistant", "content": "well"}]}, LastWords("do it")),
        ({"messages": [{"role": "system", "content": "s"}]}, LastWords("")),
        ({"messages": "no list", "input": [1, None]}, LastWords("")),
        ({"prompt": [1, 2]}, LastWords("")),
    ],
)
def test_it_is_the_users_last_text(body: dict[str, Any], found: LastWords) -> None:
    """Results of tools are no words of the user's."""
    assert last_words(RequestDocument.of(body)) == found


def test_a_long_run_of_results_is_not_read_to_its_beginning() -> None:
    """What was said a hundred messages ago is not what is asked now."""
    body = {"messages": [_USER, *[{"role": "tool", "content": "x"}] * 100]}
    assert last_words(RequestDocument.of(body)) == LastWords("", True)
