"""Decisions as plain data for programs, and in words for people: one sentence each, with all of the numbers that led to it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, cast

from hostd.domain.budget import Account
from hostd.scheduling.decisions import Decision
from hostd.telemetry.decision_leads import lead

_SUBJECT = ("model", "ticket_id")
"""Fields that say what a decision is about, and are no numbers."""
_WIRE_NAMES = {"for_model": "for"}
"""Fields whose name on the wire is a word that Python keeps for itself."""
_TENTHS = {"until_s", "free_in_s", "again_in_s", "idle_s"}
"""Seconds for which a tenth is as much as can be foreseen or matters; others are told in hundredths."""

_CAUSES = {
    "request": "a request needs it",
    "turned_away": "a request could not wait for it, and the next one is to find it ready",
    "routed_past": "a request went elsewhere as it was not loaded, and the next one is to find it ready",
    "asked": "it was asked for by hand",
    "preload": "its profile wants it warm from the start",
    "window": "one of its windows is open",
    "demand": "it is usually asked for about this time",
    "return": "it was evicted before, and there is memory again",
    "restart": "another try after a failure",
    "unresponsive": "it has failed every request of late, however healthy it says it is",
    "idle": "it was not used for as long as it is kept",
    "reconfigured": "the owner's files were read anew",
    "removed": "it is no longer declared",
    "suspend": "the machine is about to sleep",
    "closing": "the daemon shuts down",
}
_LABELS = {
    "cost_s": "costs {}",
    "reread_s": "{} more to read a conversation again",
    "free_in_s": "free in {}",
    "until_s": "memory can be freed in {}",
    "waited_s": "after {}",
    "waited_ms": "after {}",
    "idle_s": "idle for {}",
    "again_in_s": "again in {}",
    "retry_after": "try again in {} s",
    "in_flight": "{} in flight",
    "queued": "{} queued",
    "late": "{} of them too late to be served in time",
    "engines": "{} engines have crashed with it",
    "refused_for_s": "it is refused for {}",
    "charged_to": "charged to request {}",
    "restarts": "{} failures so far",
    "in_a_row": "{} failures in a row",
    "attempt": "attempt {}",
    "bytes": "frees {}",
    "short": "short of {}",
    "victims": "{} would be evicted",
    "evicted": "{} evicted for it",
    "free_soon": "soon {} free",
    "keeps": "keeps {}",
    "left": "left to try: {}",
    "asked": "asked for {}",
    "routed_by": "chosen by {}",
    "failures": "{} failures",
    "requests": "{} requests in the last minute",
    "opened": "{} times so far",
    "today_usd": "{} there today",
    "cap_usd": "of {} a day",
    "accounts": "counted for {}",
    "results": "results of tools that were cut: {}",
    "summarised": "messages that were summarised: {}",
    "by": "by {}",
    "kept": "given nevertheless, as no other is to be had",
}
_BYTES = {"needs", "free", "free_soon", "short", "bytes", "keeps"}
_USUAL = {
    "reread_s": 0.0,
    "late": 0,
    "opened": 1,
    "estimated": False,
    "kept": False,
    "results": 0,
    "summarised": 0,
    "restarts": 0,
    "in_a_row": 1,
    "engines": 1,
    "tokens": 0,
    "today_usd": 0,
}
"""Numbers that are worth no words while they are as they should be."""


@cache
def _names(kind: type) -> tuple[tuple[str, str], ...]:
    """Return the fields of a kind of decision, and what each is called on the wire."""
    # What a pattern matches by position: the fields of dataclasses and of named tuples alike, in order.
    names = [name for name in kind.__dict__["__match_args__"] if name not in _SUBJECT]
    return tuple((name, _WIRE_NAMES.get(name, name)) for name in names)


def numbers(decision: Decision) -> dict[str, Any]:
    """Return the numbers of *decision* by their names on the wire, as JSON can hold them."""
    return {wire: plain(getattr(decision, name), wire) for name, wire in _names(cast("type", type(decision)))}


def plain(value: object, name: str = "") -> Any:
    """Return the field *name* as JSON can hold it, rounded by its unit; a time that never comes is None."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return (
            round(value, 1 if name in _TENTHS or name.endswith("_ms") else 2) if name.endswith(("_s", "_ms")) else value
        )
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Account):
        return str(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name), each.name) for each in fields(value)}
    return str(value)


def sentence(decision: Decision) -> str:
    """Return what was decided, why, and all other numbers, for people."""
    said = _Said(decision.model, numbers(decision))
    text = lead(decision).format_map(said)
    cause = said.numbers.get("why")
    text += f": {_CAUSES.get(cause, cause)}" if cause else ""
    rest = [words for key, value in said.numbers.items() if key not in said.used for words in _words(key, value)]
    return f"{text} [{'; '.join(rest)}]" if rest else text


class _Said(dict[str, str]):
    """The numbers as text, for a sentence to take from; knows which were taken."""

    def __init__(self, model: str, numbers: Mapping[str, Any]) -> None:
        super().__init__({key: _value(key, value) for key, value in numbers.items()} | {"model": model})
        self.numbers = numbers
        self.used = {"model", "why", "loading", "warm", "alone"}

    def __getitem__(self, key: str) -> str:
        self.used.add(key)
        return super().__getitem__(key)


def _words(key: str, value: Any) -> Iterator[str]:
    """Yield the words for one number; none where there is nothing to say."""
    if value is None or value in ({}, [], "") or value == _USUAL.get(key):
        return
    label = _LABELS.get(key)
    text = _value(key, value)
    yield label.format(text) if label else f"{key.removesuffix('_s').removesuffix('_ms').replace('_', ' ')} {text}"


def _value(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_gib(each) if key in _BYTES else each} {name}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_candidate(each) if isinstance(each, Mapping) else str(each) for each in value)
    if isinstance(value, (int, float)):
        if key.endswith("usd"):
            return f"{round(value, 6):g} USD"
        return f"{round(value, 2):g}{' ms' if key.endswith('_ms') else ' s' if key.endswith('_s') else ''}"
    return str(value)


def _candidate(each: Mapping[str, Any]) -> str:
    """Return one of several that could have been chosen, with its numbers."""
    listed = [words for key, value in each.items() if key != "model" for words in _words(key, value)]
    return f"'{each['model']}' ({', '.join(listed)})"


def _gib(count: float) -> str:
    return f"{count / 2**30:.2f} GiB"
