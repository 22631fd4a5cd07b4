"""Queries of the database: requests to replay, weekly demand, and the speed of this host as it was measured.

Each query has a connection of its own that cannot write and lasts as long as the query. All of it blocks, so the daemon asks
from a thread. A file that is missing, locked or corrupt yields no rows: mending it is left to `record_writer`, which is told, and
has what could not be written and what was written last.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime, tzinfo
from heapq import nlargest
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from hostd.domain.budget import Account, Amounts, CountedUse, Owner
from hostd.domain.capability import Finding, Found, ProbeVerdict
from hostd.domain.costs import CostGroup, Costs, CostSums, RoutedCount, UnusedModel, added_up
from hostd.planning.warm_set.demand import HourlyCount
from hostd.scheduling.speed import Speed
from hostd.telemetry.database import request_row
from hostd.telemetry.decision_rows import Told, of_row
from hostd.telemetry.sinks import ProbeRecord, RequestRecord, SpeedRecord
from hostd.telemetry.sqlite_file import ask

_QUARTER = 900
"""Seconds. Time zones differ by quarters of an hour, so that local hours are added up from these."""
_LAST_LOADS = 5
_LAST_ANSWERS = 100
_AHEAD = 2 * 86400.0
"""Seconds after a moment of today: what is further ahead was used up while the clock was, and would count each day until then."""
_LEAST_PROMPT, _LEAST_ANSWER = 64, 16
"""Tokens below which a prompt or an answer says little about speed."""


class PastRequest(NamedTuple):
    """One recorded request, as a replay needs it: *at* in seconds since 1970; tokens are 0 where they were not counted.

    *session* is what its client called it, None where it did not.

    *asked* is the profile that was asked for first, *model* the one that answered (None: none did).
    """

    at: float
    asked: str
    model: str | None
    outcome: str
    client: str | None
    prompt_tokens: int
    output_tokens: int
    session: str | None = None


class RecordedRequest(NamedTuple):
    """One request that is over, with the columns of its row: *at* in seconds since 1970, times in milliseconds."""

    at: float
    id: str
    asked: str
    model: str | None
    backend: str | None
    route: str
    reason: str | None
    outcome: str
    status: int
    client: str | None
    stream: int
    queue_ms: float
    load_ms: float
    ttft_ms: float | None
    total_ms: float
    prompt_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    key: str | None
    role: str | None
    session: str | None
    complexity: int | None
    task: str | None


class MeasuredSpeed(NamedTuple):
    """Tokens a second, of the prompt and of one answer; None where too little was measured."""

    prompt: float | None
    output: float | None


_ROWS = f"SELECT {', '.join(RecordedRequest._fields)} FROM requests"  # noqa: S608  # our own columns
AWAY = "cloud"
"""The backend of a provider's models."""
OWN_ANSWER = f"outcome = 'answered' AND ifnull(backend, '') <> '{AWAY}'"
"""The condition that no provider has answered."""
_BEGUN = ("answered", "broken", "gone")
"""Outcomes of requests that a provider may have asked money for."""
_SUMS = (
    f"count(*), sum(outcome = 'answered'), sum({OWN_ANSWER}),"
    " ifnull(sum(prompt_tokens), 0), ifnull(sum(output_tokens), 0), ifnull(sum(cost_usd), 0.0),"
    " sum(outcome = 'answered' AND prompt_tokens IS NULL),"
    f" sum(ifnull(backend, '') = '{AWAY}' AND outcome IN {_BEGUN} AND cost_usd IS NULL)"
)
"""The fields of `CostSums` over rows; `_sums` has them for a row that is not written yet."""


class RequestHistory:
    """The records in *path*, for reading, and those that are in memory, too, as *recent* returns them, the oldest first.

    *unreadable* is called where the file cannot be read for good.
    """

    def __init__(
        self,
        path: Path,
        recent: Callable[[], Sequence[RequestRecord]] = tuple,
        unreadable: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._recent = recent
        self._unreadable = unreadable

    def requests(self, since: float = 0.0, until: float = float("inf")) -> Iterator[PastRequest]:
        """Yield the requests that arrived in [*since*, *until*), seconds since 1970, in the order of their arrival."""
        columns = "at, asked, model, outcome, client, ifnull(prompt_tokens, 0), ifnull(output_tokens, 0), session"
        question = f"SELECT {columns} FROM requests WHERE at >= ? AND at < ? ORDER BY at"  # noqa: S608  # our own columns
        yield from map(PastRequest._make, self._ask(question, since, until))

    def recorded(self, last: int) -> list[RecordedRequest]:
        """Return the *last* requests that are over, newest first."""
        # The file last: what is written in between is found twice instead of not at all.
        recent = nlargest(last, self._recent(), key=lambda each: each.at)
        rows = map(RecordedRequest._make, self._ask(f"{_ROWS} ORDER BY at DESC LIMIT ?", last))
        found = {(each.at, each.id): each for each in (*map(_recorded, recent), *rows)}
        return sorted(found.values(), key=lambda each: each.at, reverse=True)[:last]

    def find(self, request_id: str) -> RecordedRequest | None:
        """Return the last request that had this ``x-request-id``."""
        recent = [each for each in self._recent() if each.id == request_id]
        if recent:
            return _recorded(recent[-1])
        found = self._ask(f"{_ROWS} WHERE id = ? ORDER BY at DESC LIMIT 1", request_id)
        return next(map(RecordedRequest._make, found), None)

    def _since(self, since: float) -> list[RecordedRequest]:
        return [_recorded(each) for each in self._recent() if each.at >= since]

    def hours(self, since: float, zone: tzinfo | None = None) -> list[HourlyCount]:
        """Return how many requests each model had in each hour from *since* on, in local time or that of *zone*."""
        found: dict[tuple[str, int, int], int] = defaultdict(int)
        question = "SELECT asked, CAST(at / ? AS INTEGER), count(*) FROM requests WHERE at >= ? GROUP BY 1, 2"
        for asked, quarter, count in self._ask(question, _QUARTER, since):
            local = datetime.fromtimestamp(quarter * _QUARTER, zone)
            found[asked, local.toordinal(), local.hour] += count
        return [HourlyCount(*key, count) for key, count in found.items()]

    def costs(self, by: CostGroup, since: float, zone: tzinfo | None = None) -> Costs:
        """Return what the requests from *since* on came to, by role, model and the like, or day of local time or that of *zone*."""
        # The file last, as in `recorded`; what it holds by then of those in memory is left out there.
        recent = self._since(since)
        column = f"CAST(at / {_QUARTER} AS INTEGER)" if by is CostGroup.DAY else str(by)
        question = f"SELECT {column}, {_SUMS} FROM requests WHERE at >= ? {_without(recent)} GROUP BY 1"  # noqa: S608 - as above
        rows = self._ask(question, since, *_named(recent))
        if by is CostGroup.DAY:
            kept = ((_day(quarter, zone), CostSums(*sums)) for quarter, *sums in rows)
            return added_up((*((_day(int(each.at / _QUARTER), zone), _sums(each)) for each in recent), *kept))
        named = ((getattr(each, by), _sums(each)) for each in recent)
        kept = ((name, CostSums(*sums)) for name, *sums in rows)
        return added_up((None if name is None else str(name), sums) for name, sums in (*named, *kept))

    def routed(self, since: float) -> list[RoutedCount]:
        """Return how many requests of each role took which route from *since* on; a role and reason may come twice."""
        recent = self._since(since)
        question = (
            "SELECT role, CASE route WHEN 'fallback' THEN ifnull(reason, '') END, count(*) FROM requests"  # noqa: S608 - as above
            f" WHERE at >= ? AND role IS NOT NULL {_without(recent)} GROUP BY 1, 2"
        )
        kept = map(RoutedCount._make, self._ask(question, since, *_named(recent)))
        return [
            *(
                RoutedCount(each.role, (each.reason or "") if each.route == "fallback" else None, 1)
                for each in recent
                if each.role is not None
            ),
            *kept,
        ]

    def unused_models(self, since: float) -> list[UnusedModel]:
        """Return the models that were loaded from *since* on without a request that was sent to them; the longest loads first."""
        used = {each.model for each in self._since(since)}
        question = (
            "SELECT model, count(*), sum(seconds) FROM loads WHERE at >= ?1 AND model NOT IN"
            " (SELECT model FROM requests WHERE at >= ?1 AND model IS NOT NULL) GROUP BY 1 ORDER BY 3 DESC"
        )
        return [each for each in map(UnusedModel._make, self._ask(question, since)) if each.model not in used]

    def load_seconds(self) -> dict[tuple[str, str], float]:
        """Return how long a load of each model and variant label takes: the median of the last ones, in seconds."""
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for model, variant, seconds in self._ask("SELECT model, variant, seconds FROM loads ORDER BY at DESC"):
            if len(found[model, variant]) < _LAST_LOADS:
                found[model, variant].append(seconds)
        return {key: median(seconds) for key, seconds in found.items()}

    def used(self, day: float, month: float) -> dict[Account, CountedUse]:
        """Return what each owner of a budget has used up from *day* and from *month* on (seconds since 1970)."""
        found: dict[Account, CountedUse] = {}
        for owner, column in self._owners().items():
            question = (
                f"SELECT {column}, count(DISTINCT CASE WHEN at >= ?1 THEN request END),"  # noqa: S608 - our own columns
                " ifnull(sum(CASE WHEN at >= ?1 THEN tokens END), 0), ifnull(sum(CASE WHEN at >= ?1 THEN usd END), 0),"
                " count(DISTINCT request), ifnull(sum(tokens), 0), ifnull(sum(usd), 0) FROM charges"
                f" WHERE at >= ?2 AND at < ?3 AND {column} IS NOT NULL GROUP BY 1"
            )
            for name, *counts in self._ask(question, day, min(day, month), day + _AHEAD):
                if name or owner is Owner.HOST:
                    found[Account(owner, name)] = CountedUse(Amounts(*counts[:3]), Amounts(*counts[3:]))
        return found or self._spent(day, month)

    def used_lately(self, since: float) -> list[tuple[Account, float, Amounts]]:
        """Return what owners have used up from *since* on, each with its time (seconds since 1970), in order."""
        owners = self._owners()
        columns = ", ".join(owners.values())
        question = f"SELECT at, ifnull(tokens, 0), usd, {columns} FROM charges WHERE at >= ? AND at < ? ORDER BY at"  # noqa: S608 - as above
        return [
            (Account(owner, name), at, Amounts(1.0, tokens, usd))
            for at, tokens, usd, *names in self._ask(question, since, since + _AHEAD)
            for owner, name in zip(owners, names, strict=True)
            if name or (owner is Owner.HOST and name is not None)
        ]

    @staticmethod
    def _owners() -> dict[Owner, str]:
        columns = {owner: str(owner) for owner in (Owner.PROVIDER, Owner.KEY, Owner.ROLE, Owner.SESSION)}
        return columns | {Owner.HOST: "CASE WHEN request IS NOT NULL THEN '' END"}

    def _spent(self, day: float, month: float) -> dict[Account, CountedUse]:
        """Return the money of providers alone: an earlier version has written the file, and it was not brought up to date yet."""
        question = "SELECT provider, ifnull(sum(CASE WHEN at >= ? THEN usd END), 0), sum(usd) FROM charges WHERE at >= ? GROUP BY 1"
        return {
            Account(Owner.PROVIDER, name): CountedUse(Amounts(usd=today), Amounts(usd=total))
            for name, today, total in self._ask(question, day, min(day, month))
            if name
        }

    def probes(self) -> list[ProbeRecord]:
        """Return what probes of models have found, oldest first; rows that another version wrote otherwise are left out."""
        question = f"SELECT {', '.join(ProbeRecord._fields)} FROM probes ORDER BY at"  # noqa: S608  # our own columns
        read = ((*row[:-1], _found(row[-1])) for row in self._ask(question))
        return [ProbeRecord._make(row) for row in read if row[-1]]

    def decisions(self, last: int, *, model: str | None = None, request: str | None = None) -> list[Told]:
        """Return the *last* decisions about *model* or *request*, or all, newest last, as `told` has them."""
        where, values = "", list[object]([last])
        if request is not None:
            # All that begins with the id and a stroke: "0" follows that.
            where, values = "WHERE request = ?2 OR (request > ?2 || '/' AND request < ?2 || '0')", [last, request]
        elif model is not None:
            where, values = "WHERE model = ?2 OR other = ?2", [last, model]
        rows = self._ask(f"SELECT told FROM decisions {where} ORDER BY rowid DESC LIMIT ?1", *values)  # noqa: S608 - our own words
        return [found for (text,) in reversed(list(rows)) if (found := of_row(text)) is not None]

    def learnt_speeds(self) -> list[SpeedRecord]:
        """Return how fast each model was when the last daemon ended."""
        columns = ", ".join(each.name for each in fields(Speed))
        rows = self._ask(f"SELECT at, model, profile, {columns} FROM speeds")  # noqa: S608 - our own columns
        return [SpeedRecord(at, model, profile, Speed(*found)) for at, model, profile, *found in rows]

    def speeds(self) -> dict[str, MeasuredSpeed]:
        """Return how fast each model was at its last streamed answers.

        The prompt is read until the first token, and the other tokens take the rest of the time. Prompts that the engine had in
        its cache count, and so do answers that were decoded beside others: these are the speeds that clients see.
        """
        models = [model for (model,) in self._ask("SELECT DISTINCT model FROM requests WHERE model IS NOT NULL")]
        return {model: speed for model in models if (speed := self._speed(model)) != MeasuredSpeed(None, None)}

    def _speed(self, model: str) -> MeasuredSpeed:
        question = (
            "SELECT ifnull(prompt_tokens, 0), ifnull(output_tokens, 0), ttft_ms / 1000,"
            " (total_ms - queue_ms - load_ms - ttft_ms) / 1000 FROM requests"
            " WHERE model = ? AND outcome = 'answered' AND stream AND reason IS NULL AND ttft_ms > 0"
            " ORDER BY at DESC LIMIT ?"
        )
        prompts, outputs = [], []
        for prompt, output, first, rest in self._ask(question, model, _LAST_ANSWERS):
            if prompt >= _LEAST_PROMPT:
                prompts.append(prompt / first)
            if output >= _LEAST_ANSWER and rest > 0:
                outputs.append((output - 1) / rest)
        return MeasuredSpeed(*(round(median(rates), 1) if rates else None for rates in (prompts, outputs)))

    def _ask(self, question: str, *values: object) -> Iterator[tuple[Any, ...]]:
        return ask(self._path, question, *values, unreadable=self._unreadable)


def _recorded(record: RequestRecord) -> RecordedRequest:
    return RecordedRequest._make(request_row(record))


def _without(recent: Sequence[RecordedRequest]) -> str:
    """Return the condition that leaves out *recent*, of which `_named` gives the values.

    They are looked up by the index of times once: ``(at, id) NOT IN (VALUES ...)`` compares each row with each of them.
    """
    if not recent:
        return ""
    values = ", ".join(["(?, ?)"] * len(recent))
    return (
        f"AND requests.rowid NOT IN (WITH recent (at, id) AS (VALUES {values}) SELECT kept.rowid FROM recent"  # noqa: S608 - ours
        " CROSS JOIN requests AS kept ON kept.at = recent.at AND kept.id = recent.id)"
    )


def _named(recent: Sequence[RecordedRequest]) -> Iterator[object]:
    for each in recent:
        yield from (each.at, each.id)


def _sums(row: RecordedRequest) -> CostSums:
    answered, away = row.outcome == "answered", row.backend == AWAY
    return CostSums(
        1,
        int(answered),
        int(answered and not away),
        row.prompt_tokens or 0,
        row.output_tokens or 0,
        row.cost_usd or 0.0,
        int(answered and row.prompt_tokens is None),
        int(away and row.outcome in _BEGUN and row.cost_usd is None),
    )


def _day(quarter: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(quarter * _QUARTER, zone).date().isoformat()


def _found(text: str) -> Found:
    try:
        said = json.loads(text)
        return {
            str(name): Finding(ProbeVerdict(verdict), str(why), bool(cut)) for name, (verdict, why, cut) in said.items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}
