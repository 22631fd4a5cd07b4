"""A model that is not named suffices for anything; one that is, up to its level."""

from hostd.domain.model_choice import HARDEST, TaskType, level


def test_levels_are_by_type_of_task() -> None:
    """`any` is for the types that are not named; without it they are not asked of the model."""
    given = {"small": {"any": 3}, "coder": {"code": 8, "any": 2}, "writer": {"writing": 7}}
    assert (3, 3) == (level(given, "small", TaskType.CODE), level(given, "small", TaskType.CHAT))
    assert (8, 2) == (level(given, "coder", TaskType.CODE), level(given, "coder", TaskType.CHAT))
    assert (7, 0) == (level(given, "writer", TaskType.WRITING), level(given, "writer", TaskType.CHAT))
    assert HARDEST == level(given, "large", TaskType.REASONING)
