"""One line per decision, which nobody can forge, and in which nobody's words appear."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from hostd.scheduling.effects import Explain, Stop
from hostd.telemetry import decision_log
from tests.conftest import OpenHouse
from tests.stage import make_profile, make_settings
from tests.virtual_time import in_virtual_time

NASTY = "one\ntwo\x1b[31m\u2028\u202e"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave logging as it was."""
    yield
    structlog.reset_defaults()


def written(style: str, *effects: Explain | Stop, level: str = "info") -> list[str]:
    """Return the lines that *effects* make."""
    stream = io.StringIO()
    decisions = decision_log.configure(style=style, level=level, stream=stream)
    for effect in effects:
        decisions.observe(effect)
    return stream.getvalue().split("\n")[:-1]


def test_writes_decisions_as_json() -> None:
    """Time, level, decision, model, request and numbers; other effects are no decisions."""
    (line,) = written("json", Explain("route", "alpha", "req_1", {"waited_ms": 1.5}), Stop("alpha"))
    document = json.loads(line)
    assert document.pop("timestamp").endswith("Z")
    assert {"level": "info", "event": "route", "model": "alpha", "request": "req_1", "waited_ms": 1.5} == document


@pytest.mark.parametrize(
    ("decision", "level"),
    [("refusal", "warning"), ("fallback", "warning"), ("engine_broke", "error"), ("load", "info")],
)
def test_gives_each_decision_its_level(decision: str, level: str) -> None:
    """What somebody should look at stands out, and the rest can be left out."""
    explain = Explain(decision, "alpha", None, {})
    assert level == json.loads(written("json", explain)[0])["level"]
    assert (1 if level != "info" else 0) == len(written("json", explain, level="warning"))


@in_virtual_time
async def test_bundles_what_is_not_urgent() -> None:
    """Lines of requests are written together a moment later; one that matters is written at once, after those before it."""
    stream = io.StringIO()
    decisions = decision_log.configure(style="json", stream=stream)
    decisions.observe(Explain("route", "alpha", "req_1", {}))
    decisions.observe(Explain("route", "alpha", "req_2", {}))
    assert "" == stream.getvalue()
    await asyncio.sleep(0.1)
    assert ["req_1", "req_2"] == [json.loads(line)["request"] for line in stream.getvalue().split("\n")[:-1]]
    decisions.observe(Explain("route", "alpha", "req_3", {}))
    decisions.observe(Explain("refusal", "alpha", "req_4", {}))
    structlog.get_logger().info("closed")
    events = [json.loads(line)["event"] for line in stream.getvalue().split("\n")[:-1]]
    assert ["route", "route", "route", "refusal", "closed"] == events


@pytest.mark.parametrize("style", ["json", "text"])
def test_escapes_what_could_forge_a_line(style: str) -> None:
    """Neither an engine's words nor a client's can begin a line or drive a terminal."""
    (line,) = written(style, Explain("engine_broke", "alpha", None, {"why": NASTY}))
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


async def test_writes_nobodys_words(open_house: OpenHouse, weights: Path) -> None:
    """Prompts, answers and keys are in no line, whatever goes well or wrong."""
    stream = io.StringIO()
    decision_log.configure(style="json", level="debug", stream=stream)
    secrets = ("xyzzy-prompt", "xyzzy-key", "w0 w1")
    said = [{"role": "user", "content": secrets[0]}]
    key = {"Authorization": f"Bearer {secrets[1]}"}
    async with open_house(make_settings(make_profile("alpha", weights), make_profile("beta", weights))) as stage:
        for fault in ({}, {"cut_after": 2, "token_delay": 0.01}, {"status": 500}, {"too_long": True}):
            await stage.script("alpha", **fault)
            await stage.ask("alpha", headers=key, stream="cut_after" in fault, messages=said)
            await stage.script("alpha", **dict.fromkeys(fault))
        launch = stage.instance("alpha").launch
        assert launch is not None
        own = launch.endpoint.headers["Authorization"].split()[1]
    lines = stream.getvalue()
    assert '"event": "route"' in lines
    assert '"event": "refusal"' in lines
    assert not [secret for secret in (*secrets, own) if secret in lines]


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_line_that_cannot_be_written_stops_nobody(style: str) -> None:
    """The disk is full or the terminal is gone; what was decided is done all the same, and later lines are written again."""

    class Full(io.StringIO):
        broken = True

        def write(self, text: str) -> int:
            if self.broken:
                raise OSError("No space left on device")
            return super().write(text)

    stream = Full()
    decisions = decision_log.configure(style=style, stream=stream)
    decisions.observe(Explain("refusal", "alpha", "req_1", {}))
    stream.broken = False
    decisions.observe(Explain("refusal", "alpha", "req_2", {}))
    assert ("req_1" in stream.getvalue(), "req_2" in stream.getvalue()) == (False, True)
