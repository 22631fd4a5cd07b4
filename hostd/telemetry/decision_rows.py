"""Decisions as they are told to programs, and as rows of the database: the same words after a restart as before."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hostd.scheduling.decisions import Decision, FellBack, Refused, RequestDecision, Routed
from hostd.scheduling.model_decisions import Evicted
from hostd.telemetry.decision_text import numbers, sentence
from hostd.telemetry.sinks import DecisionRecord

Told = dict[str, Any]
_IDENTITY = ("at", "decision", "model", "request", "why")
COLUMNS = ("at", "event", "model", "other", "request", "told")


def told(at: float, decision: Decision) -> Told:
    """Return a decision as plain data.

    It has ``at``, ``decision``, ``model``, ``request`` and ``why``, a sentence; beside them stand the decision's own numbers, its
    reason as ``cause``.
    """
    found = numbers(decision)
    if "why" in found:
        found["cause"] = found.pop("why")
    subject = {"at": _moment(at), "decision": decision.event, "model": decision.model, "request": ticket_of(decision)}
    return subject | {"why": sentence(decision)} | found


def decision_row(record: DecisionRecord) -> tuple[object, ...]:
    """Return *record* as the values of its row, in the order of `COLUMNS`."""
    at, decision = record
    other = other_model(decision)
    words = json.dumps(told(at, decision))
    return at, decision.event, decision.model, None if other == decision.model else other, ticket_of(decision), words


def of_row(text: str) -> Told | None:
    """Return the decision that a row holds as *text*; None where it is none."""
    try:
        found = json.loads(text)
        return found if isinstance(found, dict) and found.keys() >= set(_IDENTITY) else None
    except (ValueError, RecursionError):
        return None


def together(earlier: Iterable[Told], later: Iterable[Told], last: int) -> list[Told]:
    """Return the *last* of both, newest last, each once."""
    found = {tuple(each[name] for name in _IDENTITY): each for each in (*earlier, *later)}
    return sorted(found.values(), key=lambda each: str(each["at"]))[-last:] if last > 0 else []


def ticket_of(decision: Decision) -> str | None:
    """Return the id of the one request that *decision* is about, None where it is about none."""
    return decision.ticket_id if isinstance(decision, RequestDecision) else None


def other_model(decision: Decision) -> str | None:
    """Return the name by which *decision* concerns another model than its own."""
    match decision:
        case Evicted(for_model=name) | FellBack(to=name) | Routed(asked=name) | Refused(asked=name):
            return name
        case _:
            return None


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
