"""The questions of the capability probe, as requests in OpenAI's chat dialect, and what their answers prove together.

Each is asked in two ways, greedily: one good answer proves that a model can, and only two bad ones that it cannot. Pictures are
the exception: a colour may be guessed, so that both have to be right.
"""

import base64
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from hostd.dialects.base import Dialect
from hostd.dialects.openai import capability_verdicts as verdicts
from hostd.dialects.openai.thinking import words_of
from hostd.domain.capability import Finding, ProbeVerdict
from hostd.domain.thinking import ThinkingWish
from hostd.domain.ticket import Task

TOKENS, MORE_TOKENS = 1024, 4096
"""Tokens of an answer at most, and of the one after an answer that these were too few for: models that think need hundreds."""

_Judge = Callable[[verdicts.Reply], Finding]
_SIDE = 64
"""Pixels of a picture's side: less than that some encoders refuse."""


class Question(NamedTuple):
    """What is asked about one *capability*: *ways* of asking, each a request without its model, with the judge of its answer.

    *needs* is a capability without which it need not be asked. *guessable*: every way has to have a good answer.
    """

    capability: str
    ways: tuple[tuple[Mapping[str, Any], _Judge], ...]
    dialect: Dialect = Dialect.OPENAI_CHAT
    needs: str = ""
    guessable: bool = False

    def request(self, way: int, model: str, tokens: int) -> dict[str, Any]:
        """Return the request number *way* to *model*, for an answer of at most so many *tokens*."""
        said = {"model": model, **self.ways[way][0]}
        if self.dialect is Dialect.OPENAI_CHAT:
            said |= {"max_tokens": tokens, "temperature": 0, "seed": 1}
        return said

    def judged(self, way: int, reply: verdicts.Reply) -> Finding:
        """Return what *reply* to the request number *way* proves by itself."""
        return self.ways[way][1](reply)

    def settled(self, findings: Sequence[Finding]) -> Finding | None:
        """Return what the answers so far prove together; None where another way of asking is left and may tell more."""
        good = [each for each in findings if each.verdict is ProbeVerdict.YES]
        if good and not self.guessable:
            return good[0]
        if self.guessable and len(good) < len(findings):
            return next(each for each in findings if each.verdict is not ProbeVerdict.YES)
        if len(findings) < len(self.ways):
            return None
        return next((each for each in findings if each.verdict is ProbeVerdict.UNKNOWN), findings[-1])


def questions(task: Task, *, sees: bool | None) -> list[Question]:
    """Return what to ask a model that is launched for *task*; *sees* is whether its engine takes pictures.

    Nothing is asked about pictures where an engine does not say that it takes them: `unasked` has the verdict.
    """
    if task is Task.EMBEDDINGS:
        texts = ["The harbour lies in fog.", "Seven times eight is fifty-six."]
        asked = {"input": texts, "encoding_format": "float"}
        judge = partial(verdicts.judge_vectors, count=len(texts))
        return [Question("embeddings", ((asked, judge),), Dialect.OPENAI_EMBEDDINGS)]
    if task is not Task.TEXT:
        return []
    chat = [_automatic(), _forced(), _parallel(), _schema(), _thinking()]
    return [*chat, _vision()] if sees else chat


def unasked(task: Task, *, sees: bool | None) -> Iterator[tuple[str, Finding]]:
    """Yield what is known without a question, under the same terms."""
    if task is not Task.TEXT:
        return
    yield (
        "embeddings",
        Finding(ProbeVerdict.NO, "its profile does not declare them, so that its engine is not started for them"),
    )
    if sees is None:
        yield "vision", Finding(ProbeVerdict.UNKNOWN, "its engine does not say whether it takes pictures")
    elif not sees:
        yield "vision", Finding(ProbeVerdict.NO, "its engine says that it takes no pictures")


def missing_need(question: Question, found: Mapping[str, Finding]) -> Finding | None:
    """Return the verdict on *question* where what it needs was *found* to be missing; None where it is to be asked."""
    need = found.get(question.needs)
    if need is None or need.verdict is ProbeVerdict.YES:
        return None
    return Finding(need.verdict, f"not asked, as {question.needs}: {need.why}")


def _automatic() -> Question:
    return Question(
        "tools",
        (
            _with_tools("What is the weather in Paris right now? Find out with the tool that you have.", _WEATHER),
            _with_tools("Use the read_file tool to read the file notes.txt, then tell me what it says.", _FILE),
        ),
    )


def _forced() -> Question:
    more: dict[str, Any] = {"judge": partial(verdicts.judge_call, forced=True), "tool_choice": "required"}
    return Question(
        "forced_tools",
        (
            _with_tools("What is the weather in Paris?", _WEATHER, **more),
            _with_tools("Read the file notes.txt.", _FILE, **more),
        ),
    )


def _parallel() -> Question:
    more: dict[str, Any] = {"judge": verdicts.judge_calls, "parallel_tool_calls": True}
    return Question(
        "parallel_tools",
        (
            _with_tools(
                "What is the weather in Paris and in Tokyo? Call the tool for both cities at once.", _WEATHER, **more
            ),
            _with_tools(
                "Read the files notes.txt and plan.txt, with two calls of read_file at the same time.", _FILE, **more
            ),
        ),
        needs="tools",
    )


def _schema() -> Question:
    values = {"size": ("small", "large"), "old": (True, False)}
    schema = {
        "type": "object",
        "properties": {"size": {"type": "string", "enum": ["small", "large"]}, "old": {"type": "boolean"}},
        "required": ["size", "old"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": schema}}
    judge = partial(verdicts.judge_schema, values=values)
    # The questions do not mention JSON: whoever answers in it is held to the schema.
    texts = ("Tell me about Rome.", "What kind of place is Iceland?")
    return Question("json_schema", tuple(({**_said(text), "response_format": form}, judge) for text in texts))


def _thinking() -> Question:
    texts = (
        "A farmer has 17 sheep, and all but 9 run away. How many are left?",
        "Is 91 a prime number? Think about it first.",
    )
    # Some templates have a model think only where it is told to.
    told = words_of(ThinkingWish(think=True))
    return Question("thinking", tuple(({**_said(text), **told}, verdicts.judge_thinking) for text in texts))


def _vision() -> Question:
    ways = []
    for colour, rgb in (("green", (0, 160, 0)), ("yellow", (255, 220, 0))):
        url = f"data:image/png;base64,{base64.b64encode(picture(rgb)).decode()}"
        parts = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": "Which colour fills this picture? Answer with one word."},
        ]
        ways.append((_said(parts), partial(verdicts.judge_colour, colour=colour)))
    return Question("vision", tuple(ways), guessable=True)


def picture(rgb: tuple[int, int, int]) -> bytes:
    """Return a PNG file that is all of one colour, *rgb* from 0 to 255."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes(rgb) * _SIDE
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * _SIDE)) + chunk(b"IEND", b"")
    )


def _said(content: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def _with_tools(
    text: str, tool: Mapping[str, Any], judge: Callable[..., Finding] = verdicts.judge_call, **more: object
) -> tuple[Mapping[str, Any], _Judge]:
    asked = {**_said(text), "tools": [tool], "tool_choice": "auto", **more}
    return asked, partial(judge, names=(tool["function"]["name"],))


def _tool(name: str, does: str, argument: str, meaning: str) -> Mapping[str, Any]:
    parameters = {
        "type": "object",
        "properties": {argument: {"type": "string", "description": meaning}},
        "required": [argument],
    }
    return {"type": "function", "function": {"name": name, "description": does, "parameters": parameters}}


_WEATHER = _tool("get_weather", "Tells the weather in a city right now.", "city", "Name of the city")
_FILE = _tool("read_file", "Reads a file and returns its text.", "path", "Path of the file")
