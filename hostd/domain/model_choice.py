"""How the owner has the requests of a role go to the least of its models that is enough for them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

HARDEST = 10
"""The highest complexity; the lowest is 1."""
ANY_TASK = "any"
"""The word for all types of tasks that are not named themselves."""


class TaskType(StrEnum):
    """What a prompt asks for: talk, facts and explanations, new texts, work on a given text, programs, or thinking in steps."""

    CHAT = "chat"
    KNOWLEDGE = "knowledge"
    WRITING = "writing"
    TEXT = "text"
    CODE = "code"
    REASONING = "reasoning"


class Difficulty(NamedTuple):
    """How hard what the user said last is, from 1 to 10, and what it asks for."""

    complexity: int
    task: TaskType


Suffices = Mapping[str, Mapping[str, int]]
"""Up to which complexity models suffice, by type of task; a model that is not named is enough for anything."""


class Stages(StrEnum):
    """Whether a step of an agent may move to an abler model and back, by what its tools have answered."""

    ON = "on"
    OFF = "off"


def ability(suffices: Suffices, model: str, task: TaskType | None) -> int:
    """Return the highest complexity of a *task* for which *model* is enough; 0 where it is not to be asked for such.

    Where the task is not known, it is the highest of any.
    """
    levels = suffices.get(model)
    if levels is None:
        return HARDEST
    return max(levels.values(), default=0) if task is None else levels.get(task, levels.get(ANY_TASK, 0))
