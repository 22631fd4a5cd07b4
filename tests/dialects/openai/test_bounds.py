"""What can end an engine is refused at the door, by the member and its bound; what programs really send passes."""

import json
from typing import Any

import pytest

from hostd.dialects.openai import bounds
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError


def check(**members: Any) -> None:
    """Check a request with *members*."""
    bounds.check(RequestDocument.parse(json.dumps({"model": "m", **members}).encode()))


def schema(inner: Any) -> dict[str, Any]:
    """Return a response format with a schema."""
    return {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": inner}}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    """Return a tool with *properties*."""
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": "d" * 200, "parameters": parameters}}


def nested(depth: int) -> dict[str, Any]:
    """Return a schema of objects in objects."""
    inner: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        inner = {"type": "object", "properties": {"a": inner}}
    return inner


HOST_NAME = r"^(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])\.){0,126}([A-Za-z]{2,63})$"
ARITHMETIC = r"""
root  ::= (expr "=" ws term "\n")+ # brackets: "((((" are text
expr  ::= term ([-+*/] ws term)*
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_(]{0,63} ws
num   ::= [0-9]+ ("." [0-9]{1,6})? ws
ws    ::= [ \t\n]*
"""


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"n": 1},
        {"n": 128},
        {"n": None, "stop": None, "tools": None, "logit_bias": None, "response_format": None},
        {"logprobs": True, "top_logprobs": 20},
        {"logprobs": 5},
        {"repeat_last_n": -1, "dry_penalty_last_n": 131_072},
        {"stop": "\n"},
        {"stop": ["</tool_call>", "\n\nHuman:"] * 8},
        {"logit_bias": {str(token): -100 for token in range(5000)}},
        {
            "tools": [
                tool(f"server__{number}", path={"type": "string", "pattern": "^/[^\\0]{0,4096}$"})
                for number in range(400)
            ]
        },
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": nested(15)}}]},
        {"response_format": {"type": "json_object"}},
        {
            "response_format": schema(
                {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(2000)}}
            )
        },
        {"response_format": schema({"type": "string", "enum": [f"value {n}" for n in range(5000)]})},
        {"response_format": schema({"type": "string", "pattern": HOST_NAME})},
        {"response_format": schema({"type": "string", "pattern": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"})},
        {"response_format": schema({"type": "string", "pattern": r"^\(\d{3}\) [()\]{0,500}]{3}\{\d{4}$"})},
        {"response_format": schema({"type": "object", "properties": {"pattern": {"type": "string"}}})},
        {"grammar": ARITHMETIC},
        {"grammar": 'root ::= "[" item ("," item){0,999} "]"\nitem ::= "a"'},
        {"structured_outputs": {"regex": "a{1,100}", "json": {"type": "object"}, "choice": ["a", "b"]}},
        {"guided_json": '{"type": "object"}', "guided_choice": ["a", "b"]},
        {"format": "json"},
        {"n": "three", "stop": 5, "tools": "x", "grammar": 7, "response_format": [], "logit_bias": 1},
    ],
    ids=lambda members: str(members)[:40],
)
def test_what_programs_send_passes(members: dict[str, Any]) -> None:
    """Agents with hundreds of tools, schemas of 64 kB, patterns from the standards; and what the engine itself will refuse."""
    check(**members)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 129),
        ("n", -1),
        ("n", 10**4000),
        ("n_cmpl", 5000),
        ("best_of", 1000),
        ("top_logprobs", 10**6),
        ("n_probs", 10**6),
        ("logprobs", 10**6),
        ("repeat_last_n", 2**31 - 1),
        ("dry_penalty_last_n", 2**31 - 1),
        ("stop", ["xyz"] * 100_000),
        ("stop", "x" * 10_000),
        ("stop_token_ids", [1] * 2000),
        ("logit_bias", {str(token): 1 for token in range(20_000)}),
        ("samplers", ["top_k"] * 2000),
        ("tools", [tool("f")] * 2000),
        ("functions", [{}] * 2000),
        ("tools", [{"type": "function", "function": {"name": "f", "parameters": nested(45)}}]),
        ("tools", [tool("f", a={"type": "string", "pattern": "(" * 20_000 + ")" * 20_000})]),
        ("tools", [tool("f", a={"type": "string", "pattern": "((a{0,500}){0,500}){0,500}"})]),
        ("response_format", schema(nested(40))),
        ("response_format", schema({"type": "string", "enum": list(range(50_000))})),
        ("response_format", schema({"type": "string", "pattern": "^((a{0,500}){0,500}){0,500}$"})),
        ("response_format", schema({"anyOf": [{"pattern": "^(([a-z]{500}){500}){2}$"}]})),
        ("response_format", schema({"pattern": "x" * 10_000})),
        ("json_schema", {"pattern": "(a{999999999999}b){2}"}),
        ("guided_json", {"pattern": "((a{101}){100})"}),
        ("guided_json", json.dumps({"pattern": "((a{101}){100})"})),
        ("structured_outputs", {"json": json.dumps({"pattern": "((a{101}){100})"})}),
        ("guided_regex", "((((a{20}){20}){20}){20})"),
        ("guided_grammar", "root ::= " + "(" * 100 + '"a"' + ")" * 100),
        ("structured_outputs", {"regex": "(a{200}){200}"}),
        ("structured_outputs", {"grammar": "root ::= " + "(" * 100 + '"a"' + ")" * 100}),
        ("structured_outputs", {"json": {"pattern": "(a{200}){200}"}}),
        ("grammar", "root ::= " + "(" * 50_000 + '"a"' + ")" * 50_000),
        ("grammar", "root ::= " + "(" * 50_000),
        ("grammar", "root ::= " + "(" * 20 + '"a"' + "{0,100})" * 20),
        ("grammar", 'root ::= "a"{0,1000000}'),
        ("grammar", "x" * 300_000),
        ("format", {"type": "string", "pattern": "(a{200}){200}"}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_harms_engines_is_refused(name: str, value: Any) -> None:
    """400 with the member's name, each time that it is sent."""
    for _ in range(2):
        with pytest.raises(RequestError) as refused:
            check(**{name: value})
        assert (400, "out_of_bounds", name) == (refused.value.status, refused.value.code, refused.value.param)
        assert len(refused.value.message) < 200


def test_a_member_that_cannot_be_read_is_named() -> None:
    """As where anything else reads it."""
    body = b'{"tools": ' + b"[" * 500 + b"]" * 500 + b"}"
    with pytest.raises(RequestError, match="'tools'"):
        bounds.check(RequestDocument.parse(body))


def test_tools_are_remembered() -> None:
    """An agent sends the same ones with each turn; what is remembered is bounded, and of long ones it is a digest."""
    for number in range(2 * bounds._MOST_REMEMBERED):
        check(tools=[tool(f"f{number}")])
    assert 0 < len(bounds._accepted) <= bounds._MOST_REMEMBERED
    assert 0 < len(bounds._latest) < 20
    check(tools=[tool("x" * bounds._LONGEST_KEPT)])
    assert all(len(text) <= bounds._LONGEST_KEPT for _, text in bounds._latest)
