"""The weights in the package tell easy prompts from hard ones, and one type of task from another, in less than a millisecond."""

from time import thread_time

import pytest

from hostd.domain.model_choice import TaskType
from hostd.gateway.complexity_weights import assess


@pytest.mark.parametrize(
    ("said", "least", "most", "task"),
    [
        ("thanks, bye", 1, 2, TaskType.CHAT),
        ("What is the capital of Mongolia?", 1, 3, TaskType.KNOWLEDGE),
        ("Translate 'good evening' into Dutch", 1, 3, TaskType.TEXT),
        ("Write a Python function that reverses a string", 3, 5, TaskType.CODE),
        ("What is 12 percent of 250?", 1, 4, TaskType.REASONING),
        ("Write a blog post about tea with four sections", 4, 6, TaskType.WRITING),
        ("Design a distributed chat service in Go: data model, consistency, failure modes", 7, 10, TaskType.CODE),
        ("Let a, b be positive reals with ab = 1. Prove that a + b is at least 2", 6, 10, TaskType.REASONING),
    ],
)
def test_prompts_as_people_write_them(said: str, least: int, most: int, task: TaskType) -> None:
    """How it does on many is a table in the documentation; these are plain enough to be right after any training."""
    assessed = assess(said)
    assert least <= assessed.level <= most
    assert task is assessed.task


def test_the_longest_prompt_takes_less_than_a_millisecond() -> None:
    """Of a processor's time, as the median of many."""
    said = "The quick brown fox, jumps over 12 lazy dogs; (see src/a.py) " * 2000
    assess(said)
    took = []
    for _ in range(31):
        began = thread_time()
        assess(said)
        took.append(thread_time() - began)
    # Far above what is measured (0.5 ms), for machines that are slow and busy.
    assert sorted(took)[15] < 0.005
