"""Agents for the chaos journey: each asks one model after another, and judges every answer by the one that was given in calm."""

import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

JSON = {"Content-Type": "application/json"}
COUNTS = (5, 8, 10, 12, 15, 20, 25, 30)
HANGS = 120.0
"""Seconds without an answer after which a request counts as hung: all limits of the profiles together are shorter."""


@dataclass(frozen=True)
class Outcome:
    """How one request ended: a *word*, when it began and ended (monotonic seconds), and what was wrong, if anything."""

    word: str
    model: str
    began: float
    ended: float
    detail: str = ""


@dataclass
class Question:
    """A request whose right answer is known."""

    model: str
    count: int
    stream: bool
    leave_after: int | None = None

    @property
    def body(self) -> bytes:
        """The request's body."""
        document = {
            "model": self.model,
            "temperature": 0,
            "max_tokens": 160,
            "stream": self.stream,
            "messages": [{"role": "user", "content": f"Count to {self.count}"}],
        }
        return json.dumps(document).encode()


def ask(url: str, question: Question, expected: str | None) -> tuple[str, str]:
    """Send *question*; return how it ended and its text.

    The words: ``whole``, ``left`` (on purpose), ``error event`` (inside a stream), ``refused STATUS``, ``broken`` (the connection),
    and the faults ``truncated``, ``wrong text``, ``hung``, ``no Retry-After`` and ``server error``.
    """
    try:
        with (
            httpx.Client(timeout=HANGS) as client,
            client.stream("POST", url, content=question.body, headers=JSON) as answer,
        ):
            if answer.status_code != 200:
                return _refusal(answer), answer.read().decode()
            word, text = _stream(answer, question.leave_after) if question.stream else _whole(answer.read())
    except httpx.TimeoutException:
        return "hung", f"{HANGS:.0f} s without a byte"
    except httpx.TransportError as error:
        return "broken", repr(error)
    if word == "whole" and expected is not None and text != expected:
        return "wrong text", f"{text!r} instead of {expected!r}"
    return word, text


def _refusal(answer: httpx.Response) -> str:
    status = answer.status_code
    if status in {429, 503}:
        return f"refused {status}" if answer.headers.get("Retry-After") else "no Retry-After"
    return "server error" if status == 500 else f"refused {status}"


def _whole(body: bytes) -> tuple[str, str]:
    choice = json.loads(body)["choices"][0]
    return ("whole" if choice["finish_reason"] else "truncated"), choice["message"]["content"]


def _stream(answer: httpx.Response, leave_after: int | None) -> tuple[str, str]:
    text, events, finished = "", 0, False
    for line in answer.iter_lines():
        if line == "data: [DONE]":
            return ("whole" if finished else "truncated"), text
        if not line.startswith("data:"):
            continue
        event = json.loads(line[5:])
        if "error" in event:
            return "error event", event["error"]["message"]
        for choice in event.get("choices", ()):
            text += choice["delta"].get("content") or ""
            finished = finished or bool(choice.get("finish_reason"))
        events += 1
        if leave_after is not None and events >= leave_after:
            return "left", text
    return "truncated", text


@dataclass
class Agents:
    """Six agents that ask until they are told to stop."""

    url: str
    expected: Mapping[tuple[str, int], str]
    seed: int
    outcomes: list[Outcome] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, agents: int = 6) -> None:
        """Begin to ask."""
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(agents)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask nothing more; return when the last answer is there."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        rng = random.Random(f"{self.seed}.{number}")
        models = sorted({model for model, _ in self.expected})
        while not self._over.is_set():
            # Two agents stay with one model each, so that both are always wanted; the others change.
            model = models[number % len(models)] if number < len(models) else rng.choice(models)
            stream = rng.random() < 0.7
            leaves = stream and rng.random() < 0.1
            question = Question(model, rng.choice(COUNTS), stream, leave_after=3 if leaves else None)
            self._note(question)
            self._over.wait(rng.random() * 0.5)

    def _note(self, question: Question) -> None:
        began = time.monotonic()
        word, detail = ask(self.url, question, self.expected[question.model, question.count])
        detail = "" if word in {"whole", "left"} else detail
        self.outcomes.append(Outcome(word, question.model, began, time.monotonic(), detail))
        if word not in {"whole", "left"}:
            self._over.wait(1.0)


def calm_answers(url: str, models: tuple[str, ...]) -> dict[tuple[str, int], str]:
    """Return the right text for each model and count, as given while nothing is wrong."""
    found = {}
    for model in models:
        for count in COUNTS:
            word, text = ask(url, Question(model, count, stream=True), None)
            assert word == "whole", (word, text)
            found[model, count] = text
    return found
