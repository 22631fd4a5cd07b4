"""One line per decision, which cannot be forged, and in which no prompt, answer or key appears."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from hostd.domain.reason import FallbackReason
from hostd.scheduling.decisions import Decision, FellBack, Refused, Routed
from hostd.scheduling.model_decisions import FailureHandled, LoadStarted, Slept
from hostd.telemetry import decision_log
from hostd.telemetry.log_stream import LogStream
from hostd.telemetry.sinks import RequestRecord
from tests.conftest import OpenDaemon
from tests.stage import make_profile, make_settings
from tests.telemetry.example_decisions import EXAMPLES, example
from tests.telemetry.example_records import request

NASTY = "one\ntwo\x1b[31m\u2028\u202e"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave logging as it was."""
    yield
    structlog.reset_defaults()


def written(style: str, *decided: Decision, level: str = "info") -> list[str]:
    """Return the lines that *decided* make."""
    stream = io.StringIO()
    decisions = decision_log.configure(style=style, level=level, stream=stream)
    for decision in decided:
        decisions.decided(decision, 0.0)
    return stream.getvalue().split("\n")[:-1]


def test_writes_decisions_as_json() -> None:
    """Time, level and event first, then the model, the request and the numbers."""
    (line,) = written("json", example(FellBack))
    document = json.loads(line)
    assert ["timestamp", "level", "event", "model", "request"] == list(document)[:5]
    assert document.pop("timestamp").endswith("Z")
    assert {
        "level": "warning",
        "event": "fell_back",
        "model": "m",
        "request": "req_1",
        "to": "n",
        "reason": "stall",
        "why": "it sent nothing for 45 s",
        "waited_ms": 2.5,
        "in_flight": 1,
        "queued": 0,
    } == document


def requests_written(style: str, *records: RequestRecord, level: str = "info") -> list[str]:
    """Return the lines that requests make."""
    stream = io.StringIO()
    decisions = decision_log.configure(style=style, level=level, stream=stream)
    for record in records:
        decisions.finished(record)
    return stream.getvalue().split("\n")[:-1]


def test_writes_a_line_for_each_request() -> None:
    """With what is known of it, in a form that is the same in both styles."""
    records = [request(client="me", cost=0.123456789), request(id="req_2", outcome="refused", status=503, model="beta")]
    first, second = (json.loads(line) for line in requests_written("json", *records))
    assert ["timestamp", "level", "event", "model", "request"] == list(first)[:5]
    assert ("info", "request", "req_1", 100, 51, 0.12345679, "me") == tuple(
        first[name] for name in ("level", "event", "request", "prompt_tokens", "output_tokens", "cost_usd", "client")
    )
    assert ("warning", "refused", 503, "alpha") == tuple(
        second[name] for name in ("level", "outcome", "status", "asked")
    )
    plain = requests_written("text", *records)
    assert 2 == len(plain)
    assert "total_ms=2000.0" in plain[0]
    assert "outcome=refused" in plain[1]


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool
) -> None:
    """NO_COLOR turns them off; elsewhere than on a terminal there are none. What a line is about comes first."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("NO_COLOR", variable)
    stream = Terminal()
    decision_log.configure(stream=stream).finished(request())
    assert coloured is ("\x1b[" in stream.getvalue())
    assert "\x1b[" not in requests_written("text", request())[0]
    words = requests_written("text", request())[0].split()
    assert "model=alpha" == next(word for word in words if "=" in word)


@pytest.mark.parametrize("style", ["json", "text"])
def test_requests_can_be_left_out(style: str) -> None:
    """By their level: those that had no answer stay longest."""
    records = [request(), request(outcome="broken", status=502), request(outcome="failed", status=400)]
    assert [3, 1, 0] == [len(requests_written(style, *records, level=name)) for name in ("info", "warning", "error")]


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_client_cannot_forge_a_line(style: str) -> None:
    """It names itself and its session as it likes."""
    (line,) = requests_written(style, request(client=NASTY, session=NASTY))
    assert style == "json" or line.isprintable()
    assert "\x1b" not in line


@pytest.mark.parametrize("style", ["json", "text"])
def test_writes_every_kind_of_decision(style: str) -> None:
    """None of their fields is taken for one of the line's own."""
    lines = written(style, *EXAMPLES, level="debug")
    assert len(EXAMPLES) == len(lines)
    assert all(each.event in line for each, line in zip(EXAMPLES, lines, strict=True))


def test_the_level_of_sleep_is_no_level_of_the_log() -> None:
    """It has another name there."""
    document = json.loads(written("json", example(Slept))[0])
    assert ("info", 1) == (document["level"], document["sleep_level"])


@pytest.mark.parametrize(
    ("decision", "level"),
    [
        (example(Refused), "warning"),
        (example(FellBack), "warning"),
        (example(FailureHandled), "error"),
        (example(LoadStarted), "info"),
        (example(Routed, reason=FallbackReason.STALL), "debug"),
        (example(Routed), "debug"),
    ],
)
def test_gives_each_decision_its_level(decision: Decision, level: str) -> None:
    """What should be looked at stands out, and the rest can be left out; that the first choice answers is no news."""
    assert level == json.loads(written("json", decision, level="debug")[0])["level"]
    assert (0 if level == "debug" else 1) == len(written("json", decision))
    assert (1 if level in {"warning", "error"} else 0) == len(written("json", decision, level="warning"))


@pytest.mark.parametrize("style", ["json", "text"])
def test_escapes_what_could_forge_a_line(style: str) -> None:
    """Neither an engine's words nor a client's can begin a line or drive a terminal."""
    (line,) = written(style, example(FailureHandled, why=NASTY))
    assert line.isprintable()
    assert "one" in line


@pytest.mark.parametrize("style", ["json", "text"])
def test_writes_exceptions(style: str) -> None:
    """A mistake of ours is written with its place, and without a warning about how."""
    stream = io.StringIO()
    decision_log.configure(style=style, stream=stream)
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        structlog.get_logger().exception("bug", path="/v1")
    assert "ZeroDivisionError: " in stream.getvalue()
    assert "test_decision_log.py" in stream.getvalue()


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_shows_no_variables_and_forges_no_line(style: str) -> None:
    """Variables hold prompts and keys, and its words may be a stranger's."""
    stream = io.StringIO()
    decision_log.configure(style=style, stream=stream)
    held = "xyzzy" + "-prompt"
    try:
        raise ValueError(NASTY if held else "")  # noqa: TRY301 - its place is what is shown
    except ValueError:
        structlog.get_logger().exception("bug")
    assert held not in stream.getvalue()
    assert all(line.isprintable() for line in stream.getvalue().split("\n"))


@pytest.mark.parametrize("style", ["json", "text"])
def test_says_in_its_own_style_how_many_lines_are_missing(style: str) -> None:
    """A program that reads the log can read that as well."""
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="utf-8") as lines, os.fdopen(writer, "w") as end:
        output = LogStream(end.fileno(), capacity=200)
        decision_log.configure(style=style, output=output)
        structlog.get_logger().info("long", text="x" * 300)
        line = lines.readline()
        output.close()
    assert "log_lines_left_out" in line
    assert style == "text" or {"level": "warning", "lines": 1}.items() <= json.loads(line).items()


async def test_writes_no_prompts_answers_or_keys(open_daemon: OpenDaemon, weights: Path) -> None:
    """Prompts, answers and keys are in no line, whatever goes well or wrong."""
    stream = io.StringIO()
    decision_log.configure(style="json", level="debug", stream=stream)
    secrets = ("xyzzy-prompt", "xyzzy-key", "w0 w1")
    said = [{"role": "user", "content": secrets[0]}]
    key = {"Authorization": f"Bearer {secrets[1]}"}
    async with open_daemon(make_settings(make_profile("alpha", weights), make_profile("beta", weights))) as stage:
        for fault in ({}, {"cut_after": 2, "token_delay": 0.01}, {"status": 500}, {"too_long": True}):
            await stage.script("alpha", **fault)
            await stage.ask("alpha", headers=key, stream="cut_after" in fault, messages=said)
            await stage.script("alpha", **dict.fromkeys(fault))
        launch = stage.instance("alpha").launch
        assert launch is not None
        own = launch.endpoint.headers["Authorization"].split()[1]
    lines = stream.getvalue()
    assert '"event": "routed"' in lines
    assert '"event": "refused"' in lines
    assert not [secret for secret in (*secrets, own) if secret in lines]


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_line_that_cannot_be_written_stops_nothing(style: str) -> None:
    """The disk is full or the terminal is gone; what was decided is done all the same, and later lines are written again."""

    class Full(io.StringIO):
        broken = True

        def write(self, text: str) -> int:
            if self.broken:
                raise OSError("No space left on device")
            return super().write(text)

    stream = Full()
    decisions = decision_log.configure(style=style, stream=stream)
    decisions.decided(example(Refused, ticket_id="req_1"), 0.0)
    stream.broken = False
    decisions.decided(example(Refused, ticket_id="req_2"), 0.0)
    assert ("req_1" in stream.getvalue(), "req_2" in stream.getvalue()) == (False, True)


@pytest.mark.parametrize("to", [(), ("beta",)])
async def test_an_engines_words_are_in_no_line_and_no_decision(
    open_daemon: OpenDaemon, weights: Path, to: tuple[str, ...]
) -> None:
    """It may quote the prompt: who asked reads its words, and others its status."""
    stream = io.StringIO()
    decision_log.configure(style="json", level="debug", stream=stream)
    async with open_daemon(
        make_settings(make_profile("alpha", weights, to=to), make_profile("beta", weights))
    ) as stage:
        await stage.script("alpha", status=500)
        answer = await stage.ask("alpha")
        why = str(await stage.get("/hostd/v1/why?last=100"))
    words = "the script wants status"
    assert (words in str(answer)) == (not to)
    assert words not in stream.getvalue() + why
    assert "status 500" in stream.getvalue()
    assert "status 500" in why
