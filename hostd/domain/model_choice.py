"""How the owner has the requests of a role go to the least of its models that is enough for them."""

from collections.abc import Mapping
from enum import StrEnum

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


Suffices = Mapping[str, Mapping[str, int]]
"""Up to which complexity models suffice, by type of task; a model that is not named is enough for anything."""


def level(suffices: Suffices, model: str, task: TaskType) -> int:
    """Return the highest complexity of a *task* for which *model* is enough; 0 where it is not to be asked for such."""
    levels = suffices.get(model)
    return HARDEST if levels is None else levels.get(task, levels.get(ANY_TASK, 0))
