"""Which models of a role look wrong, by what its requests came to: hints for its owner, each with the numbers behind it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

_FEW = 20
"""Requests below which nothing is said of a role."""
_MANY_FALL_BACK = 0.2
_SLOW = 10.0
"""Seconds to the first token, on average, from which a role of people or agents is slow."""
_LONG_WAIT = 5.0
_SHORT_PROMPT, _SHORT_ANSWER = 800, 200
"""Tokens on average below which requests are such as small models answer, too."""


class RoleUse(NamedTuple):
    """What one *model* did for a *role*: *first* says that it is the one that the role names first.

    Seconds and tokens are sums over the *answered* ones; *fell_back* are those that came from another profile, for *reasons* of
    which the most frequent comes first.
    """

    role: str
    model: str
    first: bool
    away: bool
    requests: int
    answered: int
    fell_back: int = 0
    reason: str = ""
    waited: float = 0.0
    ttft: float = 0.0
    prompt_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0


class AssignmentHint(NamedTuple):
    """What looks wrong with a *role*, and what might be done."""

    role: str
    what: str
    advice: str


def hints(uses: Iterable[RoleUse]) -> list[AssignmentHint]:
    """Return what looks wrong, by role; nothing of roles with few requests."""
    by_role: dict[str, list[RoleUse]] = {}
    for use in uses:
        by_role.setdefault(use.role, []).append(use)
    return [hint for role in sorted(by_role) for hint in _of(role, by_role[role])]


def _of(role: str, uses: Sequence[RoleUse]) -> list[AssignmentHint]:
    requests = sum(each.requests for each in uses)
    if requests < _FEW:
        return []
    found = [_fallbacks(role, uses, requests), *(_of_model(role, each) for each in uses if each.answered >= _FEW)]
    return [hint for hint in found if hint is not None]


def _fallbacks(role: str, uses: Sequence[RoleUse], requests: int) -> AssignmentHint | None:
    fell_back = sum(each.fell_back for each in uses)
    if fell_back < _MANY_FALL_BACK * requests:
        return None
    most = max(uses, key=lambda each: each.fell_back)
    what = f"{fell_back / requests:.0%} of {requests} requests fell back, most to '{most.model}' ({most.reason})"
    if most.reason in ("queue_timeout", "status_429", "first_token_timeout"):
        return AssignmentHint(role, what, "give the first model more max_concurrent, or a longer queue_timeout")
    if most.reason in ("context_too_long", "unfit", "bad_tool_call", "check_failed"):
        return AssignmentHint(role, what, f"the first model is not up to it: put '{most.model}' first")
    return AssignmentHint(role, what, "see why with: hostd why MODEL")


def _of_model(role: str, use: RoleUse) -> AssignmentHint | None:
    prompt, answer = use.prompt_tokens / use.answered, use.output_tokens / use.answered
    if use.away and use.usd > 0 and prompt < _SHORT_PROMPT and answer < _SHORT_ANSWER:
        return AssignmentHint(
            role,
            f"'{use.model}' of a provider answered {use.answered} requests of {prompt:.0f} and {answer:.0f} tokens on average, "
            f"for {use.usd:.2f} USD",
            "such short ones may do with a model of this machine: put one first, or use `suffices` or `cascade`",
        )
    if use.ttft / use.answered >= _SLOW:
        return AssignmentHint(
            role,
            f"'{use.model}' took {use.ttft / use.answered:.1f} s to the first token on average, for {prompt:.0f} tokens of prompt",
            "a smaller model, or `thinking: off`, answers sooner",
        )
    if use.first and use.waited / use.answered >= _LONG_WAIT:
        return AssignmentHint(
            role,
            f"requests waited {use.waited / use.answered:.1f} s for '{use.model}' on average",
            "give it more slots and max_concurrent, or another model to some of its roles",
        )
    return None
