"""Lines of requests are gathered for a moment and written together, in order, and none is lost."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from hostd.telemetry.request_log import _MOST, RequestLines, about, level_of
from tests.telemetry.example_records import request


def lines(written: list[str]) -> list[str]:
    """Return the ids in what was written."""
    return [json.loads(line)["request"] for line in "".join(written).splitlines()]


async def test_are_written_together() -> None:
    """Within a moment, without being asked for; at once where that is asked for."""
    written: list[str] = []
    done = asyncio.Event()

    def write(text: str) -> None:
        written.append(text)
        done.set()

    log = RequestLines(write, lambda _level, line: line)
    for number in range(3):
        log.add(request(id=str(number)))
    assert [] == written
    await asyncio.wait_for(done.wait(), 5)
    log.add(request(id="3"))
    log.flush()
    log.flush()
    assert 2 == len(written)
    assert ["0", "1", "2", "3"] == lines(written)


async def test_are_bounded() -> None:
    """Many are not held back until the loop has time."""
    written: list[str] = []
    log = RequestLines(written.append, lambda _level, line: line)
    for number in range(_MOST):
        log.add(request(id=str(number)))
    assert _MOST == len(lines(written))


def test_without_a_loop_are_written_at_once() -> None:
    """With the prefix of their level."""
    written: list[str] = []
    RequestLines(written.append, lambda level, line: f"<{level}>{line}").add(request(outcome="broken", status=502))
    assert written[0].startswith('<warning>{"timestamp"')


@pytest.mark.parametrize("client", ["a", "Zo\u00eb", "\x9b31m", "\x1b[31m", "\udc80", '"\n'])
def test_are_of_ascii_whatever_a_client_calls_itself(client: str) -> None:
    """Nothing reaches a terminal that it would obey, and the name can be read again."""
    written: list[str] = []
    RequestLines(written.append, lambda _level, line: line).add(request(client=client))
    (line,) = written[0].splitlines()
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert (client, UTC) == (told["client"], datetime.fromisoformat(told["timestamp"]).tzinfo)


def test_survive_a_full_disk() -> None:
    """What cannot be written is lost, and the request is none the worse."""

    def full(_text: str) -> None:
        raise OSError("No space left on device")

    RequestLines(full, lambda _level, line: line).add(request())


def test_say_what_is_known() -> None:
    """And nothing of what is not."""
    assert {"ttft_ms", "prompt_tokens"} <= about(request()).keys()
    told = about(request(outcome="gone", status=499, ttft=0.0, prompt_tokens=0, output_tokens=0, model="none"))
    assert {"model", "request", "outcome", "status", "route", "backend", "total_ms", "asked"} == told.keys()


def test_deserve_a_look() -> None:
    """Where it was no client's doing: not what a client asked wrongly, or left."""
    bad = [request(outcome=outcome, status=502) for outcome in ("refused", "failed", "broken")]
    fine = [request(), request(outcome="failed", status=400), request(outcome="gone", status=499)]
    assert [30] * 3 + [20] * 3 == [level_of(record) for record in (*bad, *fine)]
