"""Whole events only, the bytes untouched, and no doubt about whether an answer is complete."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.framing import MAX_EVENT
from hostd.dialects.openai.stream import (
    DONE,
    OpenAiStream,
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
    assert WORD + STOP + DONE == feed(WORD + STOP + DONE + WORD)[1]
    translator, events = feed(WORD + ERROR + WORD)
    assert (WORD, "the engine reported an error: no luck", False) == (events, translator.failure, translator.done)


def test_text_that_looks_like_an_end_is_none() -> None:
    """Only a line of its own ends an answer."""
    translator, _ = feed(WORD, WORD.replace(b"[DONE] }", b'{\\"error\\"'))
    assert (False, "") == (translator.done, translator.failure)


@pytest.mark.parametrize(
    "event", [b'data: {"cho\n\n', b"data: {\r\n\r\n", b"data: Internal Server Error 500\n\n", b"data: [1]\n\n"]
)
@pytest.mark.parametrize("apart", [True, False])
def test_finds_an_event_that_is_no_json(event: bytes, apart: bool) -> None:
    """It is not given out, and neither is what follows it; what came before it is."""
    translator, events = feed(*([WORD, event, STOP, DONE] if apart else [WORD + event + STOP + DONE]))
    assert (WORD, True, False, None) == (events, bool(translator.failure), translator.done, translator.end())


HEARTBEATS = [
    b"",
    b" ",
    b" ping",
    b" PING!",
    b" : OPENROUTER PROCESSING",
    b" [PING]",
    b" {}",
    b" null",
    b" 7",
    b' {"type":"ping"}',
    b" []",
]


@pytest.mark.parametrize("beat", HEARTBEATS)
def test_heartbeats_are_skipped(beat: bytes) -> None:
    """Before, between and after the words, alone or not: not all clients skip what is no JSON."""
    event = b"event: ping\ndata:" + beat + b"\n\n" if b"type" in beat else b"data:" + beat + b"\n\n"
    for chunks in (
        [event, WORD, event, WORD + event, event + STOP, event, DONE],
        [event + WORD + event + WORD + STOP + event + DONE],
    ):
        translator, events = feed(*chunks)
        assert (WORD + WORD + STOP + DONE, True, "", 3) == (
            events,
            translator.done,
            translator.failure,
            translator.events,
        )


def test_what_shows_nothing_of_an_answer_counts_for_nothing() -> None:
    """However often it comes, and it is not held for ever."""
    translator, events = feed(*[b'data: {"choices":[]}\n\n' * 100] * 10)
    assert (b"", 0, "") == (events, translator.events, translator.failure)
    assert b"" == translator.feed(b'data: {"choices":[]}\n\n' * 50_000)
    assert translator.failure


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


def test_remembers_the_finish() -> None:
    """The reason for the end may stand some events back; a null reason is none."""
    assert feed(WORD)[0].end() is None
    assert DONE == feed(STOP, USAGE, PING)[0].end()


def test_counts_tokens() -> None:
    """The engine's own count is believed; without one, each event of data is a token."""
    assert 2 == feed(WORD, PING, WORD)[0].tokens
    assert 12 == feed(WORD, STOP, USAGE)[0].tokens
    assert 9 == feed(WORD, TIMINGS)[0].tokens
    assert 3 == tokens_of(b'{"choices": [], "usage": {"completion_tokens": 3}}')
    assert 0 == tokens_of(b"{}")


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ('{"role": "assistant", "content": null}', False),
        ('{"content": ""}', False),
        ('{"content": "a"}', True),
        ('{"reasoning_content": "a"}', True),
        ('{"thinking": "a"}', True),
        ('{"refusal": "a"}', True),
        ('{"content": [{"type": "thinking"}]}', True),
        ('{"tool_calls": [{"index": 0}]}', True),
        ("null", False),
        ("[]", False),
    ],
)
def test_knows_content_when_it_sees_it(delta: str, expected: bool) -> None:
    """A role is no content; text, thought and tool calls are, whatever a server calls them."""
    event = f'data: {{"choices": [{{"delta": {delta}}}]}}\n\n'.encode()
    assert (expected, event if expected else b"") == ((found := feed(event))[0].begun, found[1])


@pytest.mark.parametrize(
    "data",
    [
        '{"choices": 5}',
        '{"choices": [1]}',
        '{"choices": [{"delta": [1]}]}',
        '{"choices":[{"index":"0"}]}',
        '{"choices":[{"text":5}]}',
    ],
)
def test_strange_shapes_are_no_part_of_an_answer(data: str) -> None:
    """Whatever an engine sends, looking at it does not fail, and what cannot be understood may have been a part of the answer."""
    translator, events = feed(WORD, f": ping\n\ndata: {data}\n\n".encode(), STOP, DONE)
    assert (WORD + b": ping\n\n", True) == (events, bool(translator.failure))


def test_an_end_is_content() -> None:
    """An answer of no tokens has begun once its end has come; text completions count too."""
    assert STOP == feed(STOP)[1]
    assert feed(b'data: {"choices": [{"text": "a"}]}\n\n')[0].begun


ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'


@pytest.mark.parametrize(
    ("before", "begun"), [(b"", False), (ROLE, False), (PING + ROLE + USAGE, False), (ROLE + WORD, True)]
)
@pytest.mark.parametrize("apart", [True, False])
def test_done_alone_is_no_end(before: bytes, begun: bool, apart: bool) -> None:
    """An engine that fails says [DONE] in good order, before the first word or in the middle of the answer."""
    translator, _ = feed(*([before, DONE] if apart else [before + DONE]))
    assert (begun, False, None) == (translator.begun, translator.done, translator.end())
    assert ("in the middle" if begun else "before it had begun") in translator.failure


ERRORS: list[tuple[bytes, str, int]] = [
    (b'data: {"error":{"code":500,"message":"no luck"}}', "no luck", 500),
    (b'data: {"error":{"code":"422","message":"no luck"}}', "no luck", 422),
    (b'data: {"error":"no luck"}', "no luck", 500),
    (b'data: {"error":["no luck"]}', '["no luck"]', 500),
    (b'data: {"error":{"message":{"text":"no luck"}}}', '{"text": "no luck"}', 500),
    (b'data: {"object":"error","message":"no luck","code":500}', "no luck", 500),
    (b'data: {"type":"error","message":"no luck"}', "no luck", 500),
    (b'data: {"detail":"no luck"}', "no luck", 500),
    (b'data: {"message":"no luck","code":400}', "no luck", 400),
    (b'data: {"choices":[],"error":{"message":"no luck"}}', "no luck", 500),
    (b'data: {"choices":[{"error":{"message":"no luck","code":502},"delta":{"content":""}}]}', "no luck", 502),
    (b'event: error\ndata: {"message":"no luck"}', "no luck", 500),
    (b"event: error\ndata: no luck", "no luck", 500),
    (b'event: error\ndata: "no luck"', "no luck", 500),
]


@pytest.mark.parametrize(("event", "said", "status"), ERRORS, ids=str)
@pytest.mark.parametrize("begun", [True, False])
def test_an_error_in_any_shape_is_one(event: bytes, said: str, status: int, begun: bool) -> None:
    """It is never given out as it is, and ends the answer whatever follows; before the first word nothing is given out at all."""
    translator, events = feed(ROLE + WORD if begun else ROLE, event + b"\n\n" + STOP + DONE)
    assert (ROLE + WORD if begun else b"", False, None) == (events, translator.done, translator.end())
    assert f"the engine reported an error: {said}" == translator.failure
    assert translator.engine_error is not None
    assert (said, status) == (
        translator.engine_error.message,
        translator.engine_error.status,
    )


@pytest.mark.parametrize("nothing", [b"null", b'""', b"{}", b"false"])
def test_an_empty_error_is_none(nothing: bytes) -> None:
    """Some servers have the member in each chunk."""
    word, stop = (each.replace(b"{", b'{"error":' + nothing + b",", 1) for each in (WORD, STOP))
    assert (word + stop + DONE, True) == ((found := feed(word, stop, DONE))[1], found[0].done)


SECOND = STOP.replace(b'"index":0', b'"index":1')


def test_each_choice_must_end() -> None:
    """One that was never heard of may still come where several were asked for."""
    other = WORD.replace(b'"index":0', b'"index":1')
    translator, _ = feed(WORD + other + STOP)
    assert (False, None) == (translator.complete, translator.end())
    assert "in the middle" in feed(WORD + other, STOP, DONE)[0].failure
    assert feed(WORD, other, STOP, SECOND)[0].complete
    waits = OpenAiStream("m", choices=2)
    waits.feed(WORD + WORD + STOP)
    assert not waits.complete
    waits.feed(SECOND)
    assert (True, DONE) == (waits.complete, waits.end())


@pytest.mark.parametrize("formally", [False, True])
def test_fewer_answers_than_were_asked_for(formally: bool) -> None:
    """Are not all of it: servers that know one only say nothing of the others."""
    stream = OpenAiStream("m", choices=2)
    passed = stream.feed(WORD + STOP + (DONE if formally else b""))
    assert stream.end() is None
    assert not passed.endswith(DONE)
    assert not stream.done
    assert "1 of the 2 answers" in stream.failure
    assert "unfit" == getattr(stream.engine_error, "code", None)


def test_a_choice_that_goes_on_is_not_over() -> None:
    """Some servers say in each chunk that it is the last: then only an end in good order is one."""
    last = WORD.replace(b"null", b'"stop"')
    translator, events = feed(WORD, STOP, WORD)
    assert (WORD + STOP + WORD, False, None) == (events, translator.complete, translator.end())
    assert ((True, True), (True, False)) == tuple(
        (each.complete, each.settled) for each in (feed(WORD, last)[0], feed(last, last)[0])
    )


def test_events_are_bounded() -> None:
    """A line that never ends is not read for ever; pictures have megabytes."""
    long = WORD.replace(b"data: [DONE]", b"x" * 3_000_000)
    assert len(long) == sum(len(feed(long[:1000], long[1000:])[1]) for _ in "1")
    translator, _ = feed(WORD, b"data: ", *[b"x" * MAX_EVENT] * 2)
    assert (None, True) == (translator.end(), "MiB" in translator.failure)


def test_an_event_may_have_several_lines() -> None:
    """Of data, with a name, with an id, and with any kind of line's end."""
    event = b'id: 1\nevent: message\ndata: {"choices":[{"delta":{"content":"a"},\ndata: "finish_reason":"stop"}]}\n\n'
    for ends in (b"\n", b"\r\n", b"\r"):
        data = (event + DONE).replace(b"\n", ends)
        translator, events = feed(*(data[at : at + 1] for at in range(len(data))))
        assert (data, True) == (events, translator.done)


def test_counts_the_prompt() -> None:
    """From the sums, else from the parts that llama.cpp tells by itself; a text that talks of them is no sum."""
    sums = b'{"usage":{"completion_tokens":1,"prompt_tokens": 11,"prompt_tokens_details":{"cached_tokens":2}}}'
    assert 11 == feed(WORD, b"data: " + sums + b"\n\n", STOP, DONE)[0].prompt_tokens
    assert 0 == feed(WORD, b'data: {"usage":{"prompt_tokens":' + b"9" * 5000 + b"}}\n\n")[0].prompt_tokens
    assert 7 == feed(WORD, TIMINGS)[0].prompt_tokens
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


@pytest.mark.parametrize("apart", [True, False])
def test_sums_that_nobody_asked_for_are_read_alone(*, apart: bool) -> None:
    """They count, however much of the answer comes with them, and the client sees nothing of them."""
    sums = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}\n\n'
    answer = WORD * 200 + STOP
    translator = OpenAiStream("m", passes_sums=False)
    pieces = (answer, sums, DONE) if apart else (answer + sums + DONE,)
    assert answer + DONE == b"".join(map(translator.feed, pieces))
    assert (True, 11, 7) == (translator.done, translator.prompt_tokens, translator.tokens)
    assert sums in b"".join(map(OpenAiStream("m").feed, pieces))


def test_sums_that_an_engine_leaves_out_are_made() -> None:
    """Before the end, where its client has asked for them: of the chunks, and of the estimate for the prompt."""
    head = b'data: {"id":"x","object":"chat.completion.chunk","created":5,"model":"theirs","choices":[{"index":0,'
    chunks = (
        head + b'"delta":{"content":"a"},"finish_reason":null}]}\n\n',
        head + b'"delta":{},"finish_reason":"stop"}]}\n\n',
    )
    for end in (DONE, b""):
        stream = OpenAiStream("ours", prompt_estimate=lambda: 40)
        sent = b"".join(map(stream.feed, (*chunks, end))) + (stream.end() or b"" if not stream.done else b"")
        *_, sums, done = sent.removesuffix(b"\n\n").split(b"\n\n")
        assert b"data: [DONE]" == done
        assert {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 5,
            "model": "ours",
            "choices": [],
            "usage": {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42},
        } == json.loads(sums.removeprefix(b"data: "))
    counted = OpenAiStream("ours", prompt_estimate=lambda: 40)
    assert 1 == b"".join(map(counted.feed, (*chunks, USAGE, DONE))).count(b'"usage"')
    unasked = OpenAiStream("ours")
    assert b"usage" not in b"".join(map(unasked.feed, (*chunks, DONE)))
