"""Queries of the database about the machine as a whole: when it was at work, what its cards took, and how roles use models."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hostd.domain.assignments import RoleUse
from hostd.domain.costs import CostSums
from hostd.domain.machine_costs import MachineUse, covered_seconds
from hostd.telemetry.history import AWAY, OWN_ANSWER
from hostd.telemetry.sqlite_file import ask

_DAY = 86400.0


class MachineHistory:
    """The records in *path*, for reading."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def use(self, since: float, now: float | None = None) -> MachineUse | None:
        """Return what the machine did from *since* until *now* (seconds since 1970); None where nothing is recorded."""
        until = time.time() if now is None else now
        first = next(ask(self._path, "SELECT min(at) FROM requests WHERE at >= ?", since), (None,))[0]
        if first is None:
            return None
        spans = ask(
            self._path,
            "SELECT at + (queue_ms + load_ms) / 1000.0, at + total_ms / 1000.0 FROM requests"  # noqa: S608 - our own words
            f" WHERE at >= ? AND {OWN_ANSWER} ORDER BY 1",
            since,
        )
        busy = covered_seconds((begin, end) for begin, end in spans)
        energy = next(
            ask(self._path, "SELECT sum(joules), sum(seconds) FROM energy WHERE at >= ?", since), (None, None)
        )
        joules, measured = energy
        # A day that has only begun says little of a day.
        days = max(1.0, (until - max(since, first)) / _DAY)
        return MachineUse(days, busy / 3600, joules, (measured or 0.0) / 3600)

    def own_answers(self, since: float) -> CostSums:
        """Return the sums over the answers that no provider gave, from *since* on."""
        question = (
            "SELECT count(*), ifnull(sum(prompt_tokens), 0), ifnull(sum(output_tokens), 0) FROM requests"  # noqa: S608 - as above
            f" WHERE at >= ? AND {OWN_ANSWER}"
        )
        count, prompt, output = next(ask(self._path, question, since), (0, 0, 0))
        return CostSums(count, count, count, prompt, output)

    def role_uses(self, since: float, firsts: Mapping[str, Sequence[str]]) -> list[RoleUse]:
        """Return what each model did for each role from *since* on; *firsts* are the profiles of each role, first choice first."""
        question = f"""
            SELECT role, model, max(backend = '{AWAY}'), count(*), sum(outcome = 'answered'), sum(route = 'fallback'),
                ifnull(sum(CASE WHEN outcome = 'answered' THEN queue_ms + load_ms END), 0) / 1000.0,
                ifnull(sum(CASE WHEN outcome = 'answered' THEN ttft_ms END), 0) / 1000.0,
                ifnull(sum(prompt_tokens), 0), ifnull(sum(output_tokens), 0), ifnull(sum(cost_usd), 0.0)
            FROM requests WHERE at >= ? AND role IS NOT NULL AND model IS NOT NULL GROUP BY 1, 2
        """  # noqa: S608 - as above
        reasons = {
            (role, model): reason
            for role, model, reason, _ in ask(
                self._path,
                "SELECT role, model, reason, count(*) FROM requests WHERE at >= ? AND role IS NOT NULL AND route = 'fallback'"
                " GROUP BY 1, 2, 3 ORDER BY 4",
                since,
            )
        }
        return [
            RoleUse(
                role,
                model,
                list(firsts.get(role, ()))[:1] == [model],
                bool(away),
                requests,
                answered or 0,
                fell_back or 0,
                reasons.get((role, model)) or "",
                *sums,
            )
            for role, model, away, requests, answered, fell_back, *sums in ask(self._path, question, since)
        ]
