"""What of a request may reach an engine: listed members, and of a template's variables the known, plain ones."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai.request_fields import CHAT, COMMON, permitted, shown
from hostd.dialects.request_document import RequestDocument

MESSAGES = b'[ {"role":"user", "content":"hi"} ]'


def passed(*owners: str, **members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the members that pass, and the names of the others."""
    document, left_out = permitted(RequestDocument.of(members), COMMON, owners)
    return json.loads(document.encode()), left_out


def test_a_request_of_known_members_keeps_its_bytes() -> None:
    """Nothing is copied for the clients that send what all send."""
    body = (
        b'{ "model":"a", "messages":' + MESSAGES + b', "top_k": 5, "chat_template_kwargs": {"enable_thinking": false} }'
    )
    document = RequestDocument.parse(body)
    same, left_out = permitted(document, COMMON, ())
    assert (document, ()) == (same, left_out)
    assert body is same.encode()


def test_what_is_not_listed_is_left_out_and_all_else_keeps_its_bytes() -> None:
    """Files, machines, keys, slots and whatever else an engine may come to act upon."""
    body = (
        b'{"model":"a","api_key":"k","id_slot":3,"messages":'
        + MESSAGES
        + b',"kv_transfer_params":{"remote_host":"x"},"top_k":5}'
    )
    document, left_out = permitted(RequestDocument.parse(body), COMMON, ())
    assert ("api_key", "id_slot", "kv_transfer_params") == left_out
    assert b'{"model":"a","messages":' + MESSAGES + b',"top_k":5}' == document.encode()


def test_the_owner_may_let_more_pass() -> None:
    """By name, and nothing else with it."""
    assert ({"lora": [{"id": 0}]}, ("id_slot",)) == passed("lora", lora=[{"id": 0}], id_slot=1)
    assert ({"chat_template_kwargs": {"x": [1]}}, ()) == passed("chat_template_kwargs", chat_template_kwargs={"x": [1]})


@pytest.mark.parametrize(
    ("given_", "kept", "left_out"),
    [
        ({"enable_thinking": True, "thinking_budget": 9}, {"enable_thinking": True, "thinking_budget": 9}, ()),
        (
            {"enable_thinking": False, "chat_template": "{{ x }}"},
            {"enable_thinking": False},
            ("chat_template_kwargs.chat_template",),
        ),
        ({"tokenize": True, "x": 1}, {}, ("chat_template_kwargs.tokenize", "chat_template_kwargs.x")),
        ({"enable_thinking": ["x"]}, {}, ("chat_template_kwargs.enable_thinking",)),
        ({"date_string": "1 May 2026"}, {"date_string": "1 May 2026"}, ()),
        ({"date_string": "x" * 300}, {}, ("chat_template_kwargs.date_string",)),
    ],
)
def test_templates_are_given_plain_values_of_known_variables(
    given_: dict[str, Any], kept: dict[str, Any], left_out: tuple[str, ...]
) -> None:
    """Others are arguments of what renders the template: a template of the client's own stops vLLM for seconds (CVE-2025-61620)."""
    assert ({"chat_template_kwargs": kept}, left_out) == passed(chat_template_kwargs=given_)


@pytest.mark.parametrize("odd", ["x", 3, [{}], {"enable_thinking": "x" * 20_000}])
def test_variables_that_are_none_are_left_out(odd: object) -> None:
    """Whatever stands in their place, and before much of it is decoded."""
    assert ({}, ("chat_template_kwargs",)) == passed(chat_template_kwargs=odd)
    assert ({"chat_template_kwargs": None}, ()) == passed(chat_template_kwargs=None)


def test_what_hostd_itself_acts_upon_is_left_out_silently() -> None:
    """It has had its effect."""
    assert ({"model": "m"}, ()) == passed(model="m", keep_alive="5m")


@given(st.dictionaries(st.text() | st.sampled_from(sorted(CHAT)), st.none() | st.integers() | st.text(), max_size=8))
def test_nothing_passes_that_is_not_listed(members: dict[str, Any]) -> None:
    """Whatever the names; and what is listed stays as it was."""
    assert {name: value for name, value in members.items() if name in COMMON} == passed(**members)[0]


def test_names_that_a_client_chose_are_shown_without_what_a_header_cannot_hold() -> None:
    """They go into a header and a line of the log."""
    assert "lora, speculative.n_max" == shown(["lora", "speculative.n_max"])
    assert "a, 2 more" == shown(["x\r\ny: z", "a", "\u00e4" * 3])
    assert 16 == shown([f"n{number}" for number in range(40)]).count("n")
    assert shown([f"n{number}" for number in range(40)]).endswith(", 24 more")
