"""What stands between a client and the thread that generates."""

import argparse
import io
import socket
from collections.abc import Iterator
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest

from hostd.backends.launchers.mlx_server import answering
from hostd.backends.launchers.mlx_server.answering import (
    Answering,
    PromptRefused,
    WatchedGenerator,
    disconnected,
    facts,
)
from hostd.backends.launchers.mlx_server.refusal import Refusal

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Both ends of a connection: the server's and the client's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


class Answers:
    """A generator whose requests are answered with *said* at once."""

    def __init__(self, *said: object) -> None:
        self.cli_args = None
        self.generation: dict[int, list[int]] = {}
        self.pulse = 0
        self.requests = self
        self._said = said

    def put(self, asked: Any) -> None:
        """Take a request."""
        answers: Queue[object] = asked[0]
        for item in self._said:
            answers.put(item)


class Handler:
    """The end of a connection that refuses."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.refused: list[Exception] = []

    def refuse(self, error: Exception) -> None:
        """Remember it."""
        self.refused.append(error)


def test_a_closed_connection_is_seen_without_reading_from_it(ends: Ends) -> None:
    """Looking does not consume what the client has sent."""
    ours, theirs = ends
    assert not disconnected(ours)
    theirs.send(b"x")
    assert not disconnected(ours)
    assert b"x" == ours.recv(1)
    theirs.close()
    assert disconnected(ours)
    ours.close()
    assert disconnected(ours)


def test_tokens_are_counted_while_they_are_made(ends: Ends) -> None:
    """Prefill progress is reported as before; the count ends with the answer."""
    generator, seen = Answers("context", (1, 2), "one", "two", None), list[tuple[int, int]]()
    first, tokens = WatchedGenerator(generator, Handler(ends[0])).generate(
        None, SimpleNamespace(), lambda *at: seen.append(at)
    )
    assert ("context", "one", [[1, 1, 0]]) == (first, next(tokens), list(generator.generation.values()))
    assert (["two"], {}, [(1, 2)]) == (list(tokens), generator.generation, seen)
    assert 3 == generator.pulse


def test_a_refusal_is_told_once(ends: Ends) -> None:
    """And the server's own words for it are not sent after it."""
    error = Refusal(400, "context_length_exceeded", "too long")
    handler = Handler(ends[0])
    with pytest.raises(PromptRefused):
        WatchedGenerator(Answers(error), handler).generate(None, SimpleNamespace())
    assert [error] == handler.refused


def test_a_failure_in_the_middle_breaks_the_answer_off(ends: Ends) -> None:
    """Nothing that looks like an end is made of it."""
    _, tokens = WatchedGenerator(Answers("context", "one", ValueError("boom")), Handler(ends[0])).generate(None, None)
    assert "one" == next(tokens)
    with pytest.raises(ValueError, match="boom"):
        next(tokens)


def test_a_client_that_goes_before_its_turn_leaves_a_mark(ends: Ends) -> None:
    """The request is still in the queue, and must not begin."""
    ends[1].close()
    args = SimpleNamespace()
    with pytest.raises(PromptRefused):
        WatchedGenerator(Answers(), Handler(ends[0])).generate(None, args)
    assert args.abandoned


def test_a_client_that_goes_in_the_middle_ends_the_answer(ends: Ends) -> None:
    """The server then stops what it makes."""
    _, tokens = WatchedGenerator(Answers("context", "one"), Handler(ends[0])).generate(None, None)
    assert "one" == next(tokens)
    ends[1].close()
    with pytest.raises(ConnectionAbortedError):
        next(tokens)


def test_a_thread_that_stands_still_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pulse must move after the question."""
    monkeypatch.setattr(answering, "_PATIENCE", 0.02)
    handler: Any = Answering()
    handler.response_generator = SimpleNamespace(pulse=1)
    assert not handler._turns()

    class Turning:
        _pulse = 0

        @property
        def pulse(self) -> int:
            self._pulse += 1
            return self._pulse

    handler.response_generator = Turning()
    assert handler._turns()


def test_the_facts_are_what_a_request_may_expect() -> None:
    """One at a time where the model or its cache cannot be batched."""
    memory = SimpleNamespace(get_active_memory=lambda: 5, get_cache_memory=lambda: 6)
    provider = SimpleNamespace(is_batchable=True, context=0, processor=None, tokenizer=None)
    generator = SimpleNamespace(
        model_provider=provider,
        memory=memory,
        cli_args=argparse.Namespace(decode_concurrency=4),
        prompt_cache=SimpleNamespace(nbytes=7),
    )
    found = facts(generator, argparse.Namespace(kv_bits=None), "1.2")
    assert {
        "version": "1.2",
        "context": None,
        "slots": 4,
        "tools": False,
        "vision": False,
        "template": None,
        "active_bytes": 5,
        "cached_bytes": 6,
        "past_prompts_bytes": 7,
    } == found
    assert 1 == facts(generator, argparse.Namespace(kv_bits=8), "1.2")["slots"]


def test_a_prompt_is_rendered_and_nothing_generated() -> None:
    """With the variables that are given; what the template refuses is the answer's error."""

    def render(messages: list[Any], *, add_generation_prompt: bool, tokenize: bool, think: bool = True) -> str:
        assert (True, False) == (add_generation_prompt, tokenize)
        return f"{messages[0]} {think}"

    class Asked(Answering):
        def __init__(self, body: bytes) -> None:
            self.path, self.headers, self.rfile = (
                "/hostd/template",
                {"Content-Length": str(len(body))},
                io.BytesIO(body),
            )
            tokenizer = SimpleNamespace(apply_chat_template=render)
            self.response_generator = SimpleNamespace(model_provider=SimpleNamespace(tokenizer=tokenizer))
            self.answered: list[tuple[int, Any]] = []
            self.do_POST()

        def answer(self, status: int, content: object) -> None:
            self.answered.append((status, content))

    asked = b'{"messages": ["Hi"], "chat_template_kwargs": {"think": false}}'
    assert [(200, {"prompt": "Hi False"})] == Asked(asked).answered
    assert [400, 400] == [Asked(body).answered[0][0] for body in (asked.replace(b"think", b"no"), b"no JSON")]
