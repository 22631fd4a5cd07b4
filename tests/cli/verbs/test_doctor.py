"""``hostd doctor``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, failed, fine, warned
from tests.cli.recorded import Daemon, Ran

FOUND = [
    failed("other users may use the key in openai.key", "its mode is 0644", "chmod 600 openai.key"),
    warned("only 700 MiB are free for the state folder, which is a long sentence", "records grow", "du -xh"),
    *fine("the clock says 2026-11-29 06:00 UTC"),
]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[CheckContext]:
    """What each examination was given; it finds `FOUND`."""
    given: list[CheckContext] = []

    def examine(context: CheckContext) -> list[CheckFinding]:
        given.append(context)
        return FOUND

    monkeypatch.setattr("hostd.doctor.runner.examine", examine)
    return given


def test_a_failure_is_exit_code_1(
    examined: list[CheckContext], hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning is none."""
    assert 1 == hostd("doctor", "--url", "127.0.0.1:9").code
    monkeypatch.setattr("hostd.doctor.runner.examine", lambda _: FOUND[1:])
    assert 0 == hostd("doctor", "--url", "127.0.0.1:9").code


def test_failures_come_first_and_have_remedies(examined: list[CheckContext], hostd: Callable[..., Ran]) -> None:
    """The table, then what to do, then how many of each."""
    lines = hostd("doctor", "--url", "127.0.0.1:9").out.splitlines()
    assert "STATUS  CHECK  FOUND" == " ".join(lines[0].split()).replace(" ", "  ")
    assert lines[1].startswith("fail")
    assert "  do:  chmod 600 openai.key" in lines
    assert "1 fail, 1 warn, 1 ok" == lines[-1]


@pytest.mark.parametrize("width", [40, 80])
def test_the_table_fits_the_terminal(
    examined: list[CheckContext], hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """What is cut short there stands whole below."""
    monkeypatch.setenv("COLUMNS", str(width))
    table, rest = hostd("doctor", "--url", "127.0.0.1:9").out.split("\n\n", 1)
    assert all(len(line) <= width for line in table.splitlines())
    assert FOUND[1].what in rest


def test_json(examined: list[CheckContext], hostd: Callable[..., Ran]) -> None:
    """Every finding with its members, and how many there are of each status."""
    told = json.loads(hostd("doctor", "--json", "--url", "127.0.0.1:9").out)
    assert {"fail": 1, "warn": 1, "skipped": 0, "ok": 1} == told["counts"]
    assert [{"check", "status", "what", "why", "remedy"}] * 3 == [set(each) for each in told["findings"]]
    assert (None, "chmod 600 openai.key") == (told["findings"][2]["remedy"], told["findings"][0]["remedy"])


def test_a_daemon_is_asked_for_its_pools(
    daemon: Daemon, examined: list[CheckContext], hostd: Callable[..., Ran]
) -> None:
    """One that answers is used; none is needed, and another program in its place is none."""
    daemon.on("GET /hostd/v1/inventory", {"host": {}, "pools": [{"id": "cuda:0"}, {"id": "ram"}]})
    daemon.on("GET /hostd/v1/status", {"troubles": ["cuda:1 has vanished"]})
    hostd("doctor", "--url", daemon.url)
    hostd("doctor", "--url", "127.0.0.1:9")
    daemon.refuse("GET /hostd/v1/inventory", 404, "not here", "not_found")
    hostd("doctor", "--url", daemon.url)
    answers = [each.daemon for each in examined]
    assert [True, False, False] == [each is not None for each in answers]
    assert answers[0] is not None
    assert (("cuda:0", "ram"), ("cuda:1 has vanished",)) == (answers[0].pools, answers[0].troubles)


def test_mistakes_of_the_configuration_are_findings(
    examined: list[CheckContext], hostd: Callable[..., Ran], bare_home: Path
) -> None:
    """They end the other verbs, but not this one."""
    (bare_home / "config/hostd").mkdir(parents=True)
    (bare_home / "config/hostd/hostd.yaml").write_text("serverr: {}\n")
    assert 1 == hostd("doctor", "--timeout", "3").code
    (context,) = examined
    assert (1, 3.0) == (len(context.problems), context.patience)
