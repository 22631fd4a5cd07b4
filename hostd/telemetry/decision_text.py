"""Decisions in words: one sentence each, with every number that led to it, also those that nobody has found words for yet."""

from collections.abc import Iterator, Mapping
from typing import Any

_LEADS = {
    "route": "'{model}' answers",
    "fallback": "the request moves on from '{model}' to '{to}' ({reason})",
    "refusal": "the request is refused ({code})",
    "load": "'{model}' is being loaded",
    "wake": "'{model}' is being woken",
    "sleep": "'{model}' goes to sleep",
    "room": "there is room for '{model}'",
    "evict": "'{model}' goes to make room for '{for}'",
    "wait_room": "'{model}' waits for room",
    "no_room": "there is no room for '{model}'",
    "return": "'{model}' comes back",
    "ready": "'{model}' is ready after {load_s}",
    "unload": "'{model}' is unloaded",
    "stopped": "the engine of '{model}' is gone",
    "engine_broke": "the engine of '{model}' broke ({exit_class})",
    "next_variant": "'{model}' is to be loaded another way, for {tried} did not work ({exit_class})",
}
_CAUSES = {
    "request": "a request wants it",
    "asked": "somebody asked for that",
    "preload": "its owner wants it warm from the start",
    "window": "one of its windows is open",
    "demand": "it is usually asked for about this time",
    "return": "it had to go before, and there is room again",
    "restart": "another try after a failure",
    "idle": "nobody has used it for as long as it is kept",
    "closing": "the daemon goes down",
}
_LABELS = {
    "cost_s": "costs {}",
    "free_in_s": "free in {}",
    "until_s": "room can be made in {}",
    "waited_s": "after {}",
    "waited_ms": "after {}",
    "idle_s": "idle for {}",
    "again_in_s": "again in {}",
    "retry_after": "try again in {} s",
    "in_flight": "{} in flight",
    "queued": "{} queued",
    "restarts": "{} failures so far",
    "in_a_row": "{} failures in a row",
    "attempt": "attempt {}",
    "bytes": "frees {}",
    "short": "short of {}",
    "goes": "{} would go",
    "evicted": "{} went for it",
    "soon": "soon {} free",
    "keeps": "keeps {}",
    "left": "left to try: {}",
    "asked": "asked for {}",
}
_BYTES = {"needs", "free", "soon", "short", "bytes", "keeps", "held", "budget"}
_USUAL = {"restarts": 0, "in_a_row": 1}
"""Numbers that are worth no words while they are as they should be."""


def sentence(decision: str, model: str, numbers: Mapping[str, Any]) -> str:
    """Return what was decided about *model*, why (``cause`` in *numbers*), and all other numbers, for people."""
    said = _Said(model, numbers)
    text = _lead(decision, said).format_map(said)
    cause = numbers.get("cause")
    text += f": {_CAUSES.get(cause, cause)}" if cause else ""
    rest = [words for key, value in numbers.items() if key not in said.used for words in _words(key, value)]
    return f"{text} [{'; '.join(rest)}]" if rest else text


def _lead(decision: str, said: Mapping[str, str]) -> str:
    """Return what happened, with gaps for names and numbers."""
    if decision == "plan":
        return "'{model}' is to be warm" if said["warm"] == "yes" else "'{model}' is left out of what is to be warm"
    if decision == "engine_broke" and said["loading"] == "yes":
        return "'{model}' could not be loaded ({exit_class})"
    return _LEADS.get(decision, f"{decision.replace('_', ' ')} of '{{model}}'")


class _Said(dict[str, str]):
    """The numbers as text, for a sentence to take from; knows which were taken."""

    def __init__(self, model: str, numbers: Mapping[str, Any]) -> None:
        super().__init__({key: _value(key, value) for key, value in numbers.items()} | {"model": model})
        self.used = {"model", "cause"}

    def __getitem__(self, key: str) -> str:
        self.used.add(key)
        return super().__getitem__(key)

    def __missing__(self, key: str) -> str:
        return "?"


def _words(key: str, value: Any) -> Iterator[str]:
    """Yield the words for one number; none where there is nothing to say."""
    if value is None or value in ({}, [], "") or value == _USUAL.get(key):
        return
    label = _LABELS.get(key)
    text = _value(key, value)
    yield label.format(text) if label else f"{key.removesuffix('_s').removesuffix('_ms').replace('_', ' ')} {text}"


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        in_bytes = key in _BYTES
        return ", ".join(f"{_gib(each) if in_bytes else _value('', each)} {name}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_candidate(each) if isinstance(each, Mapping) else _value("", each) for each in value)
    if isinstance(value, (int, float)):
        return f"{round(value, 2):g}{' ms' if key.endswith('_ms') else ' s' if key.endswith('_s') else ''}"
    return str(value)


def _candidate(each: Mapping[str, Any]) -> str:
    """Return one of several that could have been chosen, with its numbers."""
    numbers = [words for key, value in each.items() if key != "model" for words in _words(key, value)]
    return f"'{each.get('model', '?')}' ({', '.join(numbers)})"


def _gib(count: Any) -> str:
    return f"{count / 2**30:.2f} GiB" if isinstance(count, (int, float)) else str(count)
