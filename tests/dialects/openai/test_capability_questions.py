"""The questions, and what several answers prove together."""

import base64
import json
import struct
import zlib

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.dialects.openai.capability_questions import Question, missing_need, picture, questions, unasked
from hostd.domain.capability import PROBED, Finding, ProbeVerdict
from hostd.domain.ticket import Task

YES, NO, UNKNOWN = (Finding(verdict, "so") for verdict in (ProbeVerdict.YES, ProbeVerdict.NO, ProbeVerdict.UNKNOWN))
CHAT = {question.capability: question for question in questions(Task.TEXT, sees=True)}


def two_ways(*, guessable: bool = False) -> Question:
    """Return a question with two ways of asking it."""
    return Question("x", (({}, lambda _: YES), ({}, lambda _: YES)), guessable=guessable)


@pytest.mark.parametrize(
    ("findings", "settled"),
    [
        ([YES], YES),
        ([NO], None),
        ([UNKNOWN], None),
        ([NO, YES], YES),
        ([UNKNOWN, YES], YES),
        ([NO, NO], NO),
        ([NO, UNKNOWN], UNKNOWN),
        ([UNKNOWN, NO], UNKNOWN),
    ],
)
def test_one_good_answer_is_enough(findings: list[Finding], settled: Finding | None) -> None:
    """And two bad ones are needed for a no."""
    assert settled == two_ways().settled(findings)


@pytest.mark.parametrize(
    ("findings", "settled"),
    [([YES], None), ([YES, YES], YES), ([YES, UNKNOWN], UNKNOWN), ([NO], NO), ([UNKNOWN], UNKNOWN)],
)
def test_what_may_be_guessed_has_to_be_right_twice(findings: list[Finding], settled: Finding | None) -> None:
    """A blind model that says green to everything is not taken for one that sees."""
    assert settled == two_ways(guessable=True).settled(findings)


def test_everything_has_a_verdict() -> None:
    """By a question, or without one, whatever kind of model it is."""
    for sees in (True, False, None):
        asked = {question.capability for question in questions(Task.TEXT, sees=sees)}
        known = dict(unasked(Task.TEXT, sees=sees))
        assert set(PROBED) == asked | known.keys()
        assert not asked & known.keys()
    assert ["embeddings"] == [question.capability for question in questions(Task.EMBEDDINGS, sees=None)]
    assert {} == dict(unasked(Task.EMBEDDINGS, sees=None))


@pytest.mark.parametrize("task", [Task.RERANK, Task.DECISIONS])
def test_models_for_other_tasks_are_asked_nothing(task: Task) -> None:
    """They answer no chat, and what they are for is what they are launched for."""
    assert ([], {}) == (questions(task, sees=True), dict(unasked(task, sees=True)))


def test_pictures_are_sent_only_where_they_are_taken() -> None:
    """An engine that says no is believed; one that says nothing is not tried."""
    verdicts = {sees: dict(unasked(Task.TEXT, sees=sees)).get("vision") for sees in (True, False, None)}
    assert [None, "no", "unknown"] == [each and each.verdict for each in verdicts.values()]


@pytest.mark.parametrize("capability", CHAT)
def test_each_is_a_request_as_clients_send_it(capability: str) -> None:
    """Greedy, bounded, without a stream; routing would see in it what it needs."""
    question = CHAT[capability]
    bodies = [question.request(way, "m", 99) for way in range(len(question.ways))]
    assert len(bodies) == 2 == len({json.dumps(body) for body in bodies})
    for body in bodies:
        assert (0, 99, "m") == (body["temperature"], body["max_tokens"], body["model"])
        request = registry.client_dialect(Dialect.OPENAI_CHAT).parse(json.dumps(body).encode())
        assert not request.stream
        assert ("tools" in capability, capability == "vision") == (
            request.requirements.tools,
            request.requirements.vision,
        )
        assert (capability == "json_schema") == request.requirements.json_schema


def test_forced_and_automatic_calls_differ() -> None:
    """What an engine's grammar forces out of any model says nothing about the model."""
    choices = {
        name: CHAT[name].request(0, "m", 9)["tool_choice"] for name in ("tools", "forced_tools", "parallel_tools")
    }
    assert {"tools": "auto", "forced_tools": "required", "parallel_tools": "auto"} == choices


def test_the_schema_is_not_told() -> None:
    """A model that answers by it was held to it."""
    for way in range(2):
        assert "JSON" not in json.dumps(CHAT["json_schema"].request(way, "m", 9)["messages"])


def test_what_needs_another_is_not_asked_without_it() -> None:
    """Several calls at once need calls; what is not known yet is asked."""
    parallel = CHAT["parallel_tools"]
    assert missing_need(parallel, {}) is None
    assert missing_need(parallel, {"tools": YES}) is None
    missing = missing_need(parallel, {"tools": NO})
    assert missing is not None
    assert (ProbeVerdict.NO, "not asked, as tools: so") == (missing.verdict, missing.why)
    assert missing_need(CHAT["tools"], {"tools": NO}) is None


def test_vectors_are_asked_for_as_numbers() -> None:
    """The dialect's default is base64 for some clients."""
    (question,) = questions(Task.EMBEDDINGS, sees=None)
    body = question.request(0, "m", 9)
    assert (Dialect.OPENAI_EMBEDDINGS, "float", 2) == (question.dialect, body["encoding_format"], len(body["input"]))
    assert "max_tokens" not in body


def test_the_picture_is_one() -> None:
    """A PNG file of one colour, whose parts have the sums that readers check."""
    data = picture((1, 2, 3))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, parts = 8, {}
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert (zlib.crc32(kind + body),) == struct.unpack_from(">I", data, at + 8 + size)
        parts[kind] = body
        at += 12 + size
    width, height = struct.unpack_from(">II", parts[b"IHDR"])
    rows = zlib.decompress(parts[b"IDAT"])
    assert rows == (b"\0" + b"\1\2\3" * width) * height
    url = CHAT["vision"].request(0, "m", 9)["messages"][0]["content"][0]["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]).startswith(b"\x89PNG")
