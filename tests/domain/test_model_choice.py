"""A model that is not named suffices for anything; one that is, up to its level."""

from hostd.domain.model_choice import HARDEST, TaskType, ability


def test_levels_are_by_type_of_task() -> None:
    """`any` is for the types that are not named; without it they are not asked of the model."""
    given = {"small": {"any": 3}, "coder": {"code": 8, "any": 2}, "writer": {"writing": 7}}
    assert (3, 3) == (ability(given, "small", TaskType.CODE), ability(given, "small", TaskType.CHAT))
    assert (8, 2) == (ability(given, "coder", TaskType.CODE), ability(given, "coder", TaskType.CHAT))
    assert (7, 0) == (ability(given, "writer", TaskType.WRITING), ability(given, "writer", TaskType.CHAT))
    assert HARDEST == ability(given, "large", TaskType.REASONING)
