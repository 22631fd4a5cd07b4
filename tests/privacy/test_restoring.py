"""Streams come back whole, however the upstream cuts its texts, its events and its bytes."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.base import Dialect
from hostd.dialects.framing import split_events
from hostd.domain.private_data import DataKind
from hostd.privacy.masking import Mask
from hostd.privacy.restoring import STREAMS, RestoredChat, RestoredMessage, RestoredStream

_MASK = Mask({"anna@example.com": DataKind.EMAIL, "Pröject": DataKind.WORD}, b"k" * 32)
_SAID = "Dear anna@example.com, [EMAIL] of Pröject [1]: anna@example.com"
_ARGUMENTS = json.dumps({"to": "anna@example.com", "list": ["[", "Pröject"]}, ensure_ascii=False)

_cuts = st.lists(st.integers(1, 9), min_size=1, max_size=8)


def _pieces(text: str, sizes: Sequence[int]) -> list[str]:
    """Return *text* in pieces of *sizes*, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(text):
        pieces.append(text[at : at + sizes[turn % len(sizes)]])
        at += sizes[turn % len(sizes)]
        turn += 1
    return pieces


def _chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'c', 'choices': [choice]}, ensure_ascii=False)}\n\n".encode()


def _fed(stream: RestoredStream, events: bytes, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return what comes out of *events*, whose bytes come in pieces of *sizes*."""
    out, at, turn = b"", 0, 0
    while at < len(events):
        size = sizes[turn % len(sizes)] * 7
        out += stream.feed(events[at : at + size])
        at, turn = at + size, turn + 1
    lines = [
        line[5:].strip() for event in split_events(out) for line in event.split(b"\n") if line.startswith(b"data:")
    ]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


@given(_cuts, _cuts, st.booleans(), st.booleans())
def test_texts_thoughts_and_arguments_of_a_chat_are_restored(
    cuts: list[int], reads: list[int], escaped: bool, finishes: bool
) -> None:
    """Each text is whole and in its place: thoughts before the text, the text before the call."""
    masked = _MASK.mask(_SAID)
    events = b"".join(_chunk({"reasoning_content": piece}) for piece in _pieces(masked, cuts))
    events += b"".join(_chunk({"content": piece}) for piece in _pieces(masked, cuts))
    call = [{"index": 0, "function": {"arguments": piece}} for piece in _pieces(_MASK.mask(_ARGUMENTS), cuts)]
    events += b"".join(_chunk({"tool_calls": [each]}) for each in call)
    events += _chunk({}, "tool_calls") if finishes else b""
    events += b"data: [DONE]\n\n"
    if escaped:
        events = events.replace(b"[E", b"\\u005bE")
    said: dict[str, str] = {"reasoning_content": "", "content": "", "arguments": ""}
    order: list[str] = []
    for chunk in _fed(RestoredChat(_MASK), events, reads):
        for choice in chunk["choices"]:
            delta = choice["delta"]
            for name in ("reasoning_content", "content"):
                said[name] += delta.get(name) or ""
                order += [name] if delta.get(name) else []
            for each in delta.get("tool_calls", ()):
                said["arguments"] += each["function"]["arguments"]
                order += ["arguments"] if each["function"]["arguments"] else []
    assert said == {"reasoning_content": _SAID, "content": _SAID, "arguments": _ARGUMENTS}
    assert order == sorted(order, key=list(said).index)


@given(_cuts, _cuts)
def test_blocks_of_a_message_are_restored(cuts: list[int], reads: list[int]) -> None:
    """What is held back of a block comes before its end, and before the signature of a thought."""
    masked, arguments, events = _MASK.mask(_SAID), _MASK.mask(_ARGUMENTS), b""
    blocks = (
        ("thinking_delta", "thinking", masked),
        ("text_delta", "text", masked),
        ("input_json_delta", "partial_json", arguments),
    )

    def event(kind: str, **members: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, ensure_ascii=False)}\n\n".encode()

    for index, (kind, name, text) in enumerate(blocks):
        for piece in _pieces(text, cuts):
            events += event("content_block_delta", index=index, delta={"type": kind, name: piece})
        if kind == "thinking_delta":
            events += event("content_block_delta", index=index, delta={"type": "signature_delta", "signature": "s"})
        events += event("content_block_stop", index=index)
    said, over, signed = ["", "", ""], set(), False
    for data in _fed(RestoredMessage(_MASK), events, reads):
        assert data["index"] not in over
        if data["type"] == "content_block_stop":
            over.add(data["index"])
            continue
        delta = data["delta"]
        signed = signed or delta["type"] == "signature_delta"
        assert not (signed and delta["type"] == "thinking_delta")
        said[data["index"]] += delta.get("thinking") or delta.get("text") or delta.get("partial_json") or ""
    assert said == [_SAID, _SAID, _ARGUMENTS]


def test_several_choices_and_completions_do_not_mix() -> None:
    """Each choice, and each of its texts, holds back its own end."""
    masked = _MASK.mask("anna@example.com")
    events = b"".join(_chunk({"content": piece}, index=index) for piece in _pieces(masked, [3]) for index in (0, 1))
    events += _chunk({}, "stop", 0) + _chunk({}, "stop", 1)
    said = ["", ""]
    for chunk in _fed(RestoredChat(_MASK), events, [1]):
        for choice in chunk["choices"]:
            said[choice["index"]] += choice["delta"].get("content") or ""
    assert said == ["anna@example.com"] * 2
    texts = [{"choices": [{"index": 0, "text": piece, "finish_reason": None}]} for piece in _pieces(masked + " [", [4])]
    last = {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}
    events = b"".join(f"data: {json.dumps(each)}\n\n".encode() for each in (*texts, last))
    assert "anna@example.com [" == "".join(
        each["choices"][0]["text"] for each in _fed(RestoredChat(_MASK), events, [2])
    )


@pytest.mark.parametrize("dialect", [Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS, Dialect.ANTHROPIC_MESSAGES])
def test_events_without_placeholders_are_passed_on_as_they_are(dialect: Dialect) -> None:
    """Their bytes are not written anew: most streams have none."""
    events = b': comment\n\ndata: {"choices": [ ], "x" : 1}\n\nevent: ping\ndata: {"type": "ping"}\n\n'
    events += b"data: broken [\n\ndata: [DONE]\n\n"
    stream = STREAMS[dialect](_MASK)
    out = stream.feed(events)
    assert out == events or json.loads(out.split(b"\n\n")[1][5:]) == {"choices": [], "x": 1}
    assert out.endswith(b"data: broken [\n\ndata: [DONE]\n\n")
