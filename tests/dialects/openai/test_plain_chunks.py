"""Whether a run of chunks is told from anything else, however an engine writes them."""

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai.stream import OpenAiStream

HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
CALL = {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}]}


def chunk(delta: object, finish: str | None = None, **more: object) -> bytes:
    """Return a chunk in the order of vLLM's."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more.pop("choice", {})}  # type: ignore[dict-item]
    return b"data: " + json.dumps({**HEAD, "choices": [choice], **more}, separators=(",", ":")).encode() + b"\n\n"


def llama(delta: object, finish: str | None = None, **more: object) -> bytes:
    """Return a chunk in the order of llama-server's."""
    choice = {"finish_reason": finish, "index": 0, "delta": delta}
    return b"data: " + json.dumps({"choices": [choice], **HEAD, **more}, separators=(",", ":")).encode() + b"\n\n"


texts = st.sampled_from(
    ["word ", 'a "quoted" one', "}]", '"finish_reason":null}]}', "data: [DONE]\n\n", "\n", "\u20ac"]
)
odd = st.sampled_from(
    [
        b": ping\n\n",
        b"\n\n",
        b"\n\n\n\n\n\n",
        b"data: ping\n\n",
        b"data: {\n\n",
        b"event: error\ndata: {}\n\n",
        b'data: {"detail":"out of memory"}\n\n',
        b"data: [DONE]\n\n",
        chunk({"content": "x"})[:-9] + b"\n\n",
        chunk({"content": "x"}, choice={"error": {"message": "it broke"}}),
        chunk({"content": "x"}, choice={"index": 1}),
        chunk({"content": "x"}, error={"message": "it broke"}),
        chunk({"content": "x"}, "stop"),
        chunk({"content": "x"}, usage={"prompt_tokens": 3, "completion_tokens": 7}),
        chunk({}, "length"),
        llama({}, "stop"),
        llama({"content": None}, prompt_progress={"total": 9, "processed": 3}),
        chunk({"content": None}, prompt_progress={"total": 9, "processed": 3}),
        chunk(CALL),
        chunk({"content": ""}),
    ]
)


@given(
    write=st.sampled_from([chunk, llama]),
    pieces=st.lists(st.one_of(texts, texts, texts, odd), max_size=12),
    asked=st.booleans(),
    obfuscated=st.booleans(),
    blank=st.sampled_from([b"", b"\n\n\n\n\n\n"]),
)
def test_chunks_at_once_mean_what_each_alone_does(
    *, write: Callable[..., bytes], pieces: list[str | bytes], asked: bool, obfuscated: bool, blank: bytes
) -> None:
    """What is passed on, and what is known of it, does not depend on how many come in one read."""
    more = [{"obfuscation": "x" * number} if obfuscated else {} for number in range(len(pieces))]
    events = [
        each if isinstance(each, bytes) else write({"content": each}, **extra)
        for each, extra in zip(pieces, more, strict=True)
    ]
    events = [blank, write({"role": "assistant", "content": ""}), write({"content": "Well"}), *events]
    found = []
    for reads in (events, [b"".join(events)], [b"".join(events[:4]), b"".join(events[4:])]):
        stream = OpenAiStream("m", passes_progress=asked)
        given_out = b"".join([stream.feed(read) for read in reads if read])
        passed = [event for event in given_out.split(b"\n\n") if event]
        found.append((passed, stream.done, stream.failure, stream.events, stream.complete, stream.tokens))
    assert found[0] == found[1] == found[2]
