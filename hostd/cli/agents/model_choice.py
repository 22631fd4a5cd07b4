"""Which model an agent gets when its user names none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hostd.domain.ticket import Task

Model = Mapping[str, Any]
"""An entry of ``GET /hostd/v1/models``."""

_AWAY = "cloud"
_WITHOUT = 3
"""The tier of models that call no tools."""
_OTHER_TASKS = tuple(task.value for task in Task if task is not Task.TEXT)
"""What models do that do not talk."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A name to ask for, and half a sentence why it is this one."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    context: int
    away: bool
    tier: int


_WHY = (
    "the role that requires tools",
    "it calls tools",
    "no model is known to call tools, and this one may",
    "no model calls tools",
)


def choose(models: Sequence[Model], roles: Iterable[Mapping[str, Any]], *, tools: bool = True) -> ModelChoice | None:
    """Return the best of *models* and *roles* for a program that calls *tools*, or may do without; None where none can serve it.

    What may leave this machine comes last, whatever it can do; then a role that requires tools comes before a profile that calls
    them, as far as is declared or was seen, and that before one of which nothing is known. Among equals the largest context
    wins, and then the order of declaration.
    """
    found = [each for each in (*_roles(models, roles), *_profiles(models)) if not tools or each.tier < _WITHOUT]
    best = min(found, key=lambda each: (each.away, each.tier, -each.context), default=None)
    if best is None:
        return None
    rivals = sum((each.away, each.tier) == (best.away, best.tier) for each in found)
    size = f"{best.context} tokens of context" if best.context else "context unknown"
    return ModelChoice(best.name, f"{_WHY[best.tier]}; {size}{', the most of such' if rivals > 1 else ''}")


def _roles(models: Sequence[Model], roles: Iterable[Mapping[str, Any]]) -> Iterator[_Candidate]:
    able = {
        model["name"]: model for model in models if talks(model) and model["capabilities"].get("tools") is not False
    }
    for role in roles:
        used = [able[name] for name in role["use"] if name in able]
        if "tools" in role["require"] and used:
            yield _Candidate(role["name"], used[0]["context"] or 0, _is_away(used[0]), 0)


def _profiles(models: Sequence[Model]) -> Iterator[_Candidate]:
    for model in models:
        if talks(model):
            calls = model["capabilities"].get("tools")
            tier = _WITHOUT if calls is False else 1 if calls else 2
            yield _Candidate(model["name"], model["context"] or 0, _is_away(model), tier)


def talks(model: Model) -> bool:
    """Return whether *model* can be served, and answers in words."""
    return bool(_usable(model)) and not any(map(model["capabilities"].get, _OTHER_TASKS))


def _is_away(model: Model) -> bool:
    return all(variant["backend"] == _AWAY for variant in _usable(model))


def _usable(model: Model) -> list[Mapping[str, Any]]:
    return [variant for variant in model["variants"] if variant["usable"]]
