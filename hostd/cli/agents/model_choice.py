"""Which model an agent gets when its user names none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Model = Mapping[str, Any]
"""An entry of ``GET /hostd/v1/models``."""

_AWAY = "cloud"
_OF_ANOTHER_KIND = ("embeddings", "rerank", "decisions")
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
    "it declares tools",
    "no model declares tools, and this one does not rule them out",
)


def choose(models: Sequence[Model], roles: Iterable[Mapping[str, Any]]) -> ModelChoice | None:
    """Return the best of *models* and *roles* for a program that calls tools; None where none can.

    What may leave this machine comes last, whatever it can do; then a role that requires tools comes before a profile that declares
    them, and that before one that says nothing. Among equals the largest context wins, and then the order of declaration.
    """
    found = [*_roles(models, roles), *_profiles(models)]
    best = min(found, key=lambda each: (each.away, each.tier, -each.context), default=None)
    if best is None:
        return None
    rivals = sum((each.away, each.tier) == (best.away, best.tier) for each in found)
    size = f"{best.context} tokens of context" if best.context else "context unknown"
    return ModelChoice(best.name, f"{_WHY[best.tier]}; {size}{', the most of such' if rivals > 1 else ''}")


def _roles(models: Sequence[Model], roles: Iterable[Mapping[str, Any]]) -> Iterator[_Candidate]:
    able = {model["name"]: model for model in models if _is_able(model)}
    for role in roles:
        used = [able[name] for name in role["use"] if name in able]
        if "tools" in role["require"] and used:
            yield _Candidate(role["name"], used[0]["context"] or 0, _is_away(used[0]), 0)


def _profiles(models: Sequence[Model]) -> Iterator[_Candidate]:
    for model in models:
        if _is_able(model):
            tier = 1 if model["capabilities"].get("tools") else 2
            yield _Candidate(model["name"], model["context"] or 0, _is_away(model), tier)


def _is_able(model: Model) -> bool:
    """Return whether *model* can be served, and may be one that calls tools."""
    can = model["capabilities"]
    return bool(_usable(model)) and can.get("tools") is not False and not any(map(can.get, _OF_ANOTHER_KIND))


def _is_away(model: Model) -> bool:
    return all(variant["backend"] == _AWAY for variant in _usable(model))


def _usable(model: Model) -> list[Mapping[str, Any]]:
    return [variant for variant in model["variants"] if variant["usable"]]
