"""What the records tell."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, date, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hostd.domain.budget import Account, Amounts, CountedUse, Owner
from hostd.domain.capability import Finding, ProbeVerdict
from hostd.domain.costs import CostGroup, CostSums, FallbackUse, UnusedModel, by_fallbacks
from hostd.domain.model_choice import Difficulty, TaskType
from hostd.planning.warm_set.demand import HourlyCount
from hostd.telemetry.database import MIGRATIONS, Database, Entry
from hostd.telemetry.history import MeasuredSpeed, PastRequest, RequestHistory
from hostd.telemetry.sinks import ChargeRecord, ProbeRecord
from hostd.telemetry.sqlite_file import connect
from tests.telemetry.example_records import NOON, load, request

LEDGER = "a ledger?#.sqlite"


def told(folder: Path, *entries: Entry) -> RequestHistory:
    """Return the history of *entries*."""
    path = folder / LEDGER
    with closing(Database(path)) as ledger:
        ledger.write(entries)
    return RequestHistory(path)


def test_yields_requests_in_order(tmp_path: Path) -> None:
    """Of a span whose end is left out, as a replay needs them."""
    refused = request(3.0, model="none", outcome="refused", client="bot", prompt_tokens=0, output_tokens=0)
    history = told(tmp_path, refused, request(1.0), request(2.0))
    assert [1.0, 2.0] == [asked.at for asked in history.requests(1.0, 3.0)]
    assert PastRequest(3.0, "alpha", None, "refused", "bot", 0, 0) == list(history.requests())[-1]
    assert PastRequest(1.0, "alpha", "alpha", "answered", None, 100, 51) == next(history.requests())


def test_finds_requests(tmp_path: Path) -> None:
    """The last ones, newest first, and the last one of an id, with all that was recorded."""
    history = told(tmp_path, request(1.0, id="a"), request(2.0, id="b", cost=0.5), request(3.0, id="a", outcome="gone"))
    assert [("a", 3.0), ("b", 2.0)] == [(each.id, each.at) for each in history.recorded(2)]
    found = history.find("a")
    assert found is not None
    assert ("gone", 3.0, 1000.0, None) == (found.outcome, found.at, found.ttft_ms, found.cost_usd)
    assert history.find("c") is None


def test_counts_by_local_hour(tmp_path: Path) -> None:
    """The model that was asked for counts, whichever answered; an hour is one of local time, also where zones are odd."""
    history = told(
        tmp_path, request(NOON), request(NOON + 1800, model="beta"), request(NOON + 3600), request(NOON, asked="beta")
    )
    day = date(2025, 11, 20).toordinal()
    assert {HourlyCount("alpha", day, 12, 2), HourlyCount("alpha", day, 13, 1), HourlyCount("beta", day, 12, 1)} == set(
        history.hours(0.0, ZoneInfo("Europe/Berlin"))
    )
    half = timezone(timedelta(hours=5, minutes=45))
    assert {(16, 1), (17, 2)} == {(c.hour, c.requests) for c in history.hours(0.0, half) if c.model == "alpha"}
    assert [HourlyCount("alpha", day, 12, 1)] == history.hours(NOON + 1801, UTC)
    assert history.hours(0.0)


EASY, HARD = Difficulty(2, TaskType.CHAT), Difficulty(9, TaskType.CODE)
SEVERAL = (
    request(NOON, id="a", role="planner", client="bot", cost=0.5, backend="cloud", model="big", difficulty=HARD),
    request(NOON + 1, id="b", client="bot", difficulty=EASY),
    request(NOON + 2, id="c", model="none", backend="none", outcome="refused", prompt_tokens=0, output_tokens=0),
    request(NOON + 3, id="d", backend="cloud", model="big", outcome="broken", prompt_tokens=0, output_tokens=0),
    request(NOON + 4, id="e", prompt_tokens=0, output_tokens=7),
    request(NOON + 50_000, id="a", role="planner", difficulty=EASY),
)
BIG, ALPHA = CostSums(2, 1, 0, 100, 51, 0.5, 0, 1), CostSums(3, 3, 3, 200, 109, 0.0, 1, 0)
PLANNER, BOT = CostSums(2, 2, 1, 200, 102, 0.5), CostSums(2, 2, 1, 200, 102, 0.5)
FIRST_DAY = CostSums(5, 3, 2, 200, 109, 0.5, 1, 1)


@pytest.mark.parametrize("written", [6, 3, 0])
def test_adds_up_what_requests_came_to(tmp_path: Path, written: int) -> None:
    """By each group, of local days, from a time on; alike whether requests are written or still in memory, or both."""
    told(tmp_path, *SEVERAL[:written])
    history = RequestHistory(tmp_path / LEDGER, lambda: SEVERAL[max(0, written - 2) :])
    assert {"alpha": ALPHA, "big": BIG, None: CostSums(1)} == history.costs(CostGroup.MODEL, 0.0)
    assert PLANNER == history.costs(CostGroup.ROLE, 0.0)["planner"]
    by_complexity, by_task = (history.costs(by, 0.0) for by in (CostGroup.COMPLEXITY, CostGroup.TASK))
    assert {"9": 0.5, "2": 0.0, None: 0.0} == {name: sums.usd for name, sums in by_complexity.items()}
    assert {"code": 1, "chat": 2, None: 3} == {name: sums.requests for name, sums in by_task.items()}
    clients = history.costs(CostGroup.CLIENT, 0.0)
    assert (BOT, {"bot", None}) == (clients["bot"], set(clients))
    days = history.costs(CostGroup.DAY, 0.0, ZoneInfo("Europe/Berlin"))
    assert {"2025-11-20": FIRST_DAY, "2025-11-21": CostSums(1, 1, 1, 100, 51)} == days
    assert ["2025-11-20"] == list(history.costs(CostGroup.DAY, NOON + 4, timezone(timedelta(hours=-10))))
    assert 2 == sum(each.requests for each in history.costs(CostGroup.MODEL, NOON + 4).values())


@pytest.mark.parametrize("written", [4, 2, 0])
def test_counts_the_routes_of_roles(tmp_path: Path, written: int) -> None:
    """Of requests that are written, in memory, or both."""
    several = (
        request(NOON, id="a", role="planner", route="fallback:timeout"),
        request(NOON + 1, id="b", role="planner"),
        request(NOON + 2, id="c", route="fallback:timeout"),
        request(NOON + 3, id="d", role="planner", route="fallback:timeout"),
    )
    told(tmp_path, *several[:written])
    history = RequestHistory(tmp_path / LEDGER, lambda: several[max(0, written - 1) :])
    assert [FallbackUse("planner", 3, 2, {"timeout": 2})] == by_fallbacks(history.routed(0.0))
    assert [FallbackUse("planner", 2, 1, {"timeout": 1})] == by_fallbacks(history.routed(NOON + 1))


def test_finds_models_that_were_loaded_in_vain(tmp_path: Path) -> None:
    """Those that no request was sent to in that time, whether it is written yet or not."""
    loads = [load(NOON, model=model) for model in ("used", "waiting", "idle", "idle", "before")]
    told(tmp_path, *loads, load(NOON - 9, model="old"), request(NOON, model="used"), request(NOON - 9, model="before"))
    history = RequestHistory(tmp_path / LEDGER, lambda: [request(NOON, id="b", model="waiting")])
    assert [UnusedModel("idle", 2, 8.0), UnusedModel("before", 1, 4.0)] == history.unused_models(NOON)


def test_adds_up_beside_all_that_may_wait(tmp_path: Path) -> None:
    """As many requests as are kept in memory and written at once, all of them in the file already."""
    many = [request(NOON + at, id=f"r{at}") for at in range(12_000)]
    told(tmp_path, *many)
    assert 12_000 == RequestHistory(tmp_path / LEDGER, lambda: many).costs(CostGroup.MODEL, 0.0)["alpha"].requests


def test_measures_loads(tmp_path: Path) -> None:
    """The median of the last five of each variant, so that neither one odd load nor the old disk decides."""
    old = [load(at, 100.0) for at in (1.0, 2.0, 3.0)]
    new = [load(10.0 + at, seconds) for at, seconds in enumerate((4.0, 5.0, 6.0, 60.0, 5.5))]
    history = told(tmp_path, *new, *old, load(variant="vllm:a", seconds=40.0))
    assert {("alpha", "llamacpp:a.gguf"): 5.5, ("alpha", "vllm:a"): 40.0} == history.load_seconds()


def test_adds_up_what_was_spent(tmp_path: Path) -> None:
    """By each owner of a budget, of the day and of the month; requests that were tried twice count once."""
    charges = [
        ChargeRecord(at, "zai", "a", 0.25, False, name, 100, "alice", "planner")
        for at, name in ((1.0, "r1"), (2.0, "r2"), (3.0, "r2"), (4.0, "r3"))
    ]
    history = told(tmp_path, *charges, ChargeRecord(3.0, "", "b", 0.0, True, "r4", 50, None, None, "talk"))
    assert {
        Account(Owner.PROVIDER, "zai"): CountedUse(Amounts(2, 300, 0.75), Amounts(3, 400, 1.0)),
        Account(Owner.KEY, "alice"): CountedUse(Amounts(2, 300, 0.75), Amounts(3, 400, 1.0)),
        Account(Owner.ROLE, "planner"): CountedUse(Amounts(2, 300, 0.75), Amounts(3, 400, 1.0)),
        Account(Owner.SESSION, "talk"): CountedUse(Amounts(1, 50, 0.0), Amounts(1, 50, 0.0)),
        Account(Owner.HOST): CountedUse(Amounts(3, 350, 0.75), Amounts(4, 450, 1.0)),
    } == history.used(2.0, 0.0)
    assert [
        (Account(Owner.PROVIDER, "zai"), 4.0, Amounts(1.0, 100, 0.25)),
        (Account(Owner.KEY, "alice"), 4.0, Amounts(1.0, 100, 0.25)),
        (Account(Owner.ROLE, "planner"), 4.0, Amounts(1.0, 100, 0.25)),
        (Account(Owner.HOST), 4.0, Amounts(1.0, 100, 0.25)),
    ] == history.used_lately(3.5)
    assert {} == RequestHistory(tmp_path / "none").used(0.0, 0.0)


def test_adds_up_what_an_earlier_version_wrote(tmp_path: Path) -> None:
    """The money of providers, before anything has been written since."""
    path = tmp_path / "ledger.sqlite"
    with closing(connect(path, MIGRATIONS[:3])) as db:
        db.execute("INSERT INTO charges VALUES (5, 'zai', 'a', 0.5, 0), (1, 'zai', 'a', 0.25, 0)")
    assert {Account(Owner.PROVIDER, "zai"): CountedUse(Amounts(usd=0.5), Amounts(usd=0.75))} == RequestHistory(
        path
    ).used(2.0, 0.0)


def test_tells_what_probes_found(tmp_path: Path) -> None:
    """Oldest first, word for word; a row that cannot be understood is as if it were not there."""
    found = {
        "tools": Finding(ProbeVerdict.NO, "it answered in words"),
        "vision": Finding(ProbeVerdict.UNKNOWN, "v", cut=True),
    }
    records = [ProbeRecord(at, "m", "1f", "b7", found) for at in (2.0, 1.0)]
    history = told(tmp_path, *records)
    assert records[::-1] == history.probes()
    with closing(sqlite3.connect(tmp_path / "a ledger?#.sqlite")) as connection, connection:
        for text in ("{", "[1]", '{"tools": ["perhaps", "so", false]}', '{"tools": 1}'):
            connection.execute("INSERT INTO probes VALUES (3, 'm', '1f', 'b7', ?)", (text,))
    assert records[::-1] == history.probes()
    assert [] == RequestHistory(tmp_path / "none").probes()


def test_measures_speeds(tmp_path: Path) -> None:
    """Tokens a second until the first token and after it; short, failed, moved and unstreamed answers say nothing."""
    odd = {"ttft": 0.001, "total": 0.002}
    history = told(
        tmp_path,
        request(total=5.0, waited=3.0, loaded=1.0),
        request(prompt_tokens=10, output_tokens=3, **odd),
        request(stream=False, **odd),
        request(outcome="broken", **odd),
        request(route="fallback:crashed", **odd),
        request(model="short", asked="short", prompt_tokens=63, output_tokens=31),
        request(model="quiet", asked="quiet", prompt_tokens=0, output_tokens=0),
    )
    assert {"alpha": MeasuredSpeed(100.0, 50.0), "short": MeasuredSpeed(None, 30.0)} == history.speeds()


@pytest.mark.parametrize("content", [None, b"no database" * 100, b""])
def test_what_cannot_be_read_tells_nothing(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, spoilt or empty is no error, and reading makes none."""
    path = tmp_path / "ledger.sqlite"
    if content is not None:
        path.write_bytes(content)
    history = RequestHistory(path)
    assert ([], [], {}, {}) == (list(history.requests()), history.hours(0.0), history.load_seconds(), history.speeds())
    assert path.exists() is (content is not None)


def test_waits_for_no_pipe(tmp_path: Path) -> None:
    """A named pipe in the file's place tells nothing, and no reader waits until somebody writes into it."""
    os.mkfifo(tmp_path / "ledger.sqlite")
    assert [] == list(RequestHistory(tmp_path / "ledger.sqlite").requests())


def test_what_was_used_while_the_clock_was_ahead_counts_on_no_day(tmp_path: Path) -> None:
    """A year ahead; it would use up each day's budget until then."""
    day = 86400.0
    charges = [ChargeRecord(at, "openai", "m", 0.5, False, "r", 7) for at in (10 * day + 60, 375 * day)]
    history = told(tmp_path, *charges)
    assert 0.5 == history.used(10 * day, 0.0)[Account(Owner.PROVIDER, "openai")].day.usd
    assert [10 * day + 60] == [at for account, at, _ in history.used_lately(10 * day) if account.owner is Owner.HOST]
