"""The stage that an agent is in, by what its tools have answered: in trouble, its next step goes to an abler model.

No model is asked. Results that failed, calls that are repeated with the same outcome, and failures that say the same speak for
trouble; edits that landed, and tests that passed, for progress. What is newer counts more (`FADES` from step to step). A step
moves up when trouble outweighs progress by `TROUBLE`, and down by one, to where the conversation was, when progress outweighs
trouble by `PROGRESS`. After a move only what has happened since counts, so that an abler model has time to do better.

Each move costs the time to read the conversation anew, which is why one failure alone moves nothing: agents run into one all the
time, on their way.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hostd.dialects.tool_steps import ToolStep
from hostd.domain.catalog import Catalog
from hostd.domain.model_choice import Stages, ability
from hostd.domain.profile import Role
from hostd.domain.ticket import Target
from hostd.routing.context_length import has_room
from hostd.routing.policy import Ranked, RouteQuery
from hostd.routing.session import ConversationState, SessionPolicy

WINDOW = 8
"""Steps that are looked at."""
FADES = 0.8
TROUBLE, PROGRESS = 1.5, 1.7

_WRITES = re.compile(
    r"edit|write|creat|patch|apply|replace|insert|save|update|delete|move|rename|commit", re.IGNORECASE
)
_PLANS = re.compile(r"todo|plan|think|memory|\"(?:view|read)\"", re.IGNORECASE)
"""Tools, and commands of tools, that write nothing but notes, or show files although they are called editors."""
_READS = re.compile(r"read|view|cat|grep|search|glob|list|\bls\b|fetch|find|open|browse|look", re.IGNORECASE)
"""Tools that show what they find, errors in it included: theirs are failures only where the client says so."""
_FAILED = re.compile(
    r"^\W*(?:fatal|[Ee]rror|ERROR|[Ee]xception|[Ff]ailed|FAILED|[Ff]ailure|FAIL)\b|(?:Error|Exception)(?::|\s*at )|Traceback \("
    r"|\b[Ee]xit(?:ed)?(?: with)?(?: code| status)?:? *[1-9]|\b[1-9]\d* (?:failed|failures?|errors?)\b"
    r"|command not found|No such file or directory|[Pp]ermission denied|\bpanicked at\b|\berror(?:\[\w+\]| TS\d+)|tool_use_error"
    r"|[Ss]egmentation fault|\btimed out\b"
    r'|"(?:exit_?[cC]ode|return_?code)": *"?-?[1-9]|"is_?[eE]rror": *true|"success": *false'
)
_PASSED = re.compile(
    r"\b[1-9]\d* (?:passed|passing)\b|test result: ok|build success|\bexit(?:ed with)?(?: code| status)?:? *0\b"
    r'|all tests pass|^ok\b|"exit_?code": *"?0\b',
    re.IGNORECASE,
)
_OF_FAILURES = (
    "error", "exception", "fail", "exit", "traceback", "not found", "no such", "denied", "panicked", "fault", "timed out", "fatal",
    'code":', 'success":',
)  # fmt: skip
_OF_PASSES = ("passed", "passing", "result: ok", "success", "exit", "tests pass", "\nok")
"""Words of which a line has one that an expression finds something in; looking for them first takes a tenth of the time."""
_FIGURES = re.compile(r"\d+")


class Stage(NamedTuple):
    """How much speaks for trouble and for progress, and how many of the *steps* looked at *failed*, were *repeated* or *landed*."""

    trouble: float = 0.0
    progress: float = 0.0
    steps: int = 0
    failed: int = 0
    repeated: int = 0
    landed: int = 0


def stage_of(steps: Sequence[ToolStep]) -> Stage:
    """Return the stage that the last of *steps*, oldest first, tell of."""
    recent = steps[-WINDOW:]
    trouble = progress = 0.0
    failed = repeated = landed = 0
    before: list[ToolStep] = []
    complaints: list[str] = []
    for age, step in zip(range(len(recent) - 1, -1, -1), recent, strict=True):
        weight = FADES**age
        if _has_failed(step):
            failed += 1
            complaint = _FIGURES.sub("0", step.result.strip())
            # The same complaint once more says that the last try was in vain.
            trouble += weight * (1.5 if complaint in complaints else 1.0)
            complaints.append(complaint)
        elif _is_write(step) or _says(_PASSED, _OF_PASSES, step.result):
            landed += 1
            progress += weight
        if step.tool and before.count(step) >= 2:
            repeated += 1
            trouble += weight
        before.append(step)
    return Stage(trouble, progress, len(recent), failed, repeated, landed)


def _has_failed(step: ToolStep) -> bool:
    if step.failed:
        return True
    shows = _READS.search(step.tool) and not _is_write(step)
    return not shows and _says(_FAILED, _OF_FAILURES, step.result)


def _is_write(step: ToolStep) -> bool:
    return bool(_WRITES.search(step.tool)) and not _PLANS.search(step.tool) and not _PLANS.search(step.arguments[:80])


def _says(expression: re.Pattern[str], words: tuple[str, ...], text: str) -> bool:
    """Return whether *expression* finds something in a line of *text* that has one of *words*."""
    lowered = f"\n{text}".lower()
    text = f"\n{text}" if len(lowered) == len(text) + 1 else lowered
    for word in words:
        at = lowered.find(word)
        while at >= 0:
            start, end = lowered.rfind("\n", 0, at + 1) + 1, lowered.find("\n", at + 1)
            end = len(text) if end < 0 else end
            if expression.search(text[start:end]):
                return True
            at = lowered.find(word, end)
    return False


def looks_at_steps(role: Role) -> bool:
    """Return whether the steps of agents that ask for *role* may move."""
    return bool(role.suffices) and role.stages is not Stages.OFF


class StagePolicy:
    """Moves a step of an agent by one model, of those of its role in the order of what they are able to do."""

    def __init__(self, catalog: Catalog, sessions: SessionPolicy) -> None:
        self._catalog = catalog
        self._sessions = sessions

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Return the targets with the one that the next step moves to first; no verdict where it stays."""
        state = self._sessions.pending(query)
        if state is None or role is None or query.features is None or not looks_at_steps(role):
            return Ranked(tuple(targets))
        task = None if state.difficulty is None else state.difficulty.task
        able = {each.model: ability(role.suffices, each.model, task) for each in targets if each.model in role.use}
        if state.model in able:
            stage = stage_of(query.features.steps[-state.steps :])
            able = {
                name: found for name, found in able.items() if name == state.model or self._holds(name, query.tokens)
            }
            if to := _abler(able, state) if stage.trouble - stage.progress >= TROUBLE else None:
                return _first(targets, to, f"stage (up from {state.model}: {_told(stage)})", state)
            if to := _lesser(able, state) if stage.progress - stage.trouble >= PROGRESS else None:
                landed = f"{stage.landed} of {stage.steps} results are progress"
                return _first(targets, to, f"stage (down from {state.model}: {landed})", state)
        return Ranked(tuple(targets))

    def _holds(self, model: str, tokens: int) -> bool:
        return has_room(self._catalog.profiles[model], tokens)


def _abler(able: Mapping[str, int], state: ConversationState) -> str | None:
    """Return the least of the models that are able to do more than the present one; None where it is the ablest."""
    return min((name for name in able if able[name] > able[state.model]), key=able.__getitem__, default=None)


def _lesser(able: Mapping[str, int], state: ConversationState) -> str | None:
    """Return the next model on the way back to the one that the conversation began with; None where it is there."""
    least, present = able.get(state.began_with, able[state.model]), able[state.model]
    between = (name for name in able if least <= able[name] < present)
    return max(between, key=lambda name: (able[name], name == state.began_with), default=None)


def _told(stage: Stage) -> str:
    repeated = f", {stage.repeated} repeated" if stage.repeated else ""
    return f"{stage.failed} of {stage.steps} results failed{repeated}"


def _first(targets: Sequence[Target], model: str, why: str, state: ConversationState) -> Ranked:
    first = [each for each in targets if each.model == model]
    others = (each for each in targets if each.model != model)
    return Ranked((*first, *others), why=why, difficulty=state.difficulty)
