"""Whole events only, the bytes untouched, and no doubt about whether an answer is complete."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai.stream import (
    DONE,
    OpenAiStream,
    error_of,
    has_content,
    is_given_up,
    prompt_tokens_of,
    tokens_of,
)

WORD = b'data: {"choices":[{"index":0,"delta":{"content":"data: [DONE] }"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"completion_tokens":7}}\n\n'
USAGE = b'data: {"choices":[],"usage":{"completion_tokens": 12}}\n\n'
ERROR = b'data: {"error":{"code":500,"message":"no luck","type":"server_error"}}\n\n'
PING = b":\n\n"
TIMINGS = b'data: {"choices":[{"index":0,"delta":{}}],"timings":{"cache_n":3,"prompt_n":4,"predicted_n":9}}\n\n'


def feed(*chunks: bytes) -> tuple[OpenAiStream, bytes]:
    """Return a translator that was fed *chunks*, and all that it gave out."""
    translator = OpenAiStream("m")
    return translator, b"".join(translator.feed(chunk) for chunk in chunks)


@given(
    st.lists(st.sampled_from([WORD, PING, WORD.replace(b"\n", b"\r\n"), USAGE])),
    st.sets(st.integers(1, 2000)),
)
def test_nothing_is_lost_however_it_is_cut(events: list[bytes], cuts: set[int]) -> None:
    """Whatever the chunks, each feed gives out whole events, and all of them together are the stream."""
    whole = b"".join(events) + STOP + DONE
    edges = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    translator = OpenAiStream("m")
    given_out = b""
    for start, end in pairwise(edges):
        events_now = translator.feed(whole[start:end])
        assert not events_now or events_now.endswith((b"\n\n", b"\n\r\n"))
        given_out += events_now
    assert whole == given_out
    assert (True, "") == (translator.done, translator.failure)


def test_holds_back_half_an_event() -> None:
    """What has not arrived whole is not given out, and is no end."""
    translator, events = feed(WORD + STOP[:-1])
    assert (WORD, False, None) == (events, translator.done, translator.end())


def test_drops_what_follows_the_end() -> None:
    """[DONE] ends an answer, and so does an error event, which is told in other words."""
    assert WORD + DONE == feed(WORD + DONE + WORD)[1]
    translator, events = feed(WORD + ERROR + WORD)
    assert (WORD, "the engine reported an error: no luck", False) == (events, translator.failure, translator.done)


def test_text_that_looks_like_an_end_is_none() -> None:
    """Only a line of its own ends an answer."""
    translator, _ = feed(WORD, WORD.replace(b"[DONE] }", b'{\\"error\\"'))
    assert (False, "") == (translator.done, translator.failure)


@pytest.mark.parametrize("event", [b'data: {"cho\n\n', b"data: {\r\n\r\n", b"data: hello\n\n", b"data:\n\n"])
@pytest.mark.parametrize("apart", [True, False])
def test_finds_an_event_that_is_no_json(event: bytes, apart: bool) -> None:
    """It is not given out, and neither is what follows it; what came before it is."""
    translator, events = feed(*([WORD, event, DONE] if apart else [WORD + event + DONE]))
    assert (True, False) == (bool(translator.failure), events.startswith(WORD + event))
    assert WORD == events[: len(WORD)]
    assert (apart, b"") == (translator.done, events[len(WORD) :].removeprefix(DONE) if apart else events[len(WORD) :])


def test_null_is_no_trouble() -> None:
    """llama-server says it of each of several prompts that it has read; it may come beside anything."""
    whole = b"data: null\n\n" + WORD + b"data: null\n\n" + STOP + DONE
    translator, events = feed(whole)
    assert (whole, True, "") == (events, translator.done, translator.failure)
    assert not has_content(b"data: null\n\n")


@pytest.mark.parametrize("word", ["abort", "error"])
def test_an_answer_that_was_given_up_never_looks_whole(word: str) -> None:
    """An engine that is told to end may finish its streams in good order, [DONE] and all."""
    said = b'data: {"choices":[{"delta":{"content":" one"},"finish_reason":null}]}\n\n'
    last = f'data: {{"choices":[{{"delta":{{"content":" tw"}},"finish_reason":"{word}"}}]}}\n\n'.encode()
    translator = OpenAiStream("m")
    assert said == translator.feed(said + last + DONE)
    assert (False, "the engine gave the answer up before its end") == (translator.done, translator.failure)
    alone = OpenAiStream("m")
    assert (b"", True) == (alone.feed(last), bool(alone.failure))
    assert is_given_up(last)
    assert not is_given_up(said)
    assert not is_given_up(json.dumps({"content": last.decode()}).encode())


def test_remembers_the_finish() -> None:
    """The reason for the end may stand some events back; a null reason is none."""
    assert feed(WORD)[0].end() is None
    assert DONE == feed(STOP, USAGE, PING)[0].end()


def test_counts_tokens() -> None:
    """The engine's own count is believed; without one, each event of data is a token."""
    assert 2 == feed(WORD, PING, WORD)[0].tokens
    assert 12 == feed(WORD, STOP, USAGE)[0].tokens
    assert 9 == feed(WORD, TIMINGS, DONE)[0].tokens
    assert 3 == tokens_of(b'{"choices": [], "usage": {"completion_tokens": 3}}')
    assert 0 == tokens_of(b"{}")


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ('{"role": "assistant", "content": null}', False),
        ('{"content": ""}', False),
        ('{"content": "a"}', True),
        ('{"reasoning_content": "a"}', True),
        ('{"tool_calls": [{"index": 0}]}', True),
        ("null", False),
        ("[]", False),
    ],
)
def test_knows_content_when_it_sees_it(delta: str, expected: bool) -> None:
    """A role is no content; text, thought and tool calls are."""
    assert expected is has_content(f'data: {{"choices": [{{"delta": {delta}}}]}}\n\n'.encode())


@pytest.mark.parametrize(
    "data", ['{"choices": null}', '{"choices": [1]}', "7", "[]", "{", '{"choices": [{"delta": [1]}]}']
)
def test_strange_shapes_are_no_content(data: str) -> None:
    """Whatever an engine sends, looking at it does not fail."""
    assert not has_content(f": ping\n\ndata: {data}\n\n".encode())


def test_an_end_is_content() -> None:
    """An answer of no tokens has begun once its end has come; text completions count too."""
    assert has_content(STOP)
    assert has_content(DONE)
    assert has_content(b'data: {"choices": [{"text": "a"}]}\n\n')


def test_reads_an_error() -> None:
    """The engine's message is taken where it has its place, else the beginning of what came."""
    assert "no luck" == error_of(WORD + ERROR)
    assert '{"error": "oh"}' == error_of(b'data: {"error": "oh"}\n\n')
    assert "an error" == error_of(b"")


def test_counts_the_prompt() -> None:
    """From the sums, else from the parts that llama.cpp tells by itself; a text that talks of them is no sum."""
    sums = b'{"usage":{"completion_tokens":1,"prompt_tokens": 11,"prompt_tokens_details":{"cached_tokens":2}}}'
    assert 11 == feed(WORD, b"data: " + sums + b"\n\n", DONE)[0].prompt_tokens
    assert 7 == feed(WORD, TIMINGS, DONE)[0].prompt_tokens
    assert 0 == feed(WORD.replace(b"[DONE]", rb"\"prompt_tokens\": 5, \"timings\" \"prompt_n\": 6"))[0].prompt_tokens
    assert 11 == prompt_tokens_of(b'{"choices": [], ' + sums[1:])
    assert 11 == prompt_tokens_of(sums[:-1] + b', "data": [' + b"0.5," * 2000 + b"0]}")
    assert 0 == prompt_tokens_of(b'{"prompt_tokens": "many"}')


def test_gives_out_nothing_before_the_answer_begins() -> None:
    """Until then another model may still answer; what was held back comes with the first content."""
    role = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
    translator = OpenAiStream("m")
    assert (b"", False) == (translator.feed(PING + role), translator.begun)
    assert (PING + role + WORD, True) == (translator.feed(WORD), translator.begun)
