"""The complexity of a prompt, from 1 to 10, and its type of task: linear scores over its signs.

The weights are the outcome of ``scripts/train-complexity``, which says what they were learnt from and prints how they do on prompts
that they were not learnt from.
"""

import struct
from operator import itemgetter
from typing import NamedTuple, Self

from hostd.domain.model_choice import HARDEST, TaskType
from hostd.routing.prompt_signs import BUCKETS, signs

_MAGIC = b"hostd-complexity-1\n"
_ZERO = 128
"""The byte of a weight of nought; weights are from -127 to 127 times the scale of their row."""
_HEAD = struct.Struct("<ff")
"""Scale and constant of a row."""


class Assessment(NamedTuple):
    """What a prompt asks for, and how hard it is: *score* as computed, *level* rounded and within 1 to 10."""

    level: int
    task: TaskType
    score: float


class _Row(NamedTuple):
    scale: float
    constant: float
    weights: bytes


def _row(part: bytes) -> _Row:
    scale, constant = _HEAD.unpack_from(part)
    return _Row(scale, constant, part[_HEAD.size :])


class ComplexityModel:
    """Assesses prompts. Pure: the same text has the same assessment on every machine."""

    def __init__(self, complexity: _Row, tasks: dict[TaskType, _Row]) -> None:
        self._complexity = complexity
        self._tasks = tasks

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Return the model whose weights are *data*, as `write` returns them.

        Raises:
            ValueError: They are of another version, or not whole.
        """
        size = _HEAD.size + BUCKETS
        if not data.startswith(_MAGIC) or len(data) != len(_MAGIC) + (1 + len(TaskType)) * size:
            raise ValueError("these are no weights of this version")
        parts = [data[at : at + size] for at in range(len(_MAGIC), len(data), size)]
        first, *others = map(_row, parts)
        return cls(first, dict(zip(TaskType, others, strict=True)))

    def assess(self, said: str) -> Assessment:
        """Return the assessment of what the user *said*; less than a millisecond on one core, however long it is."""
        buckets = signs(said)
        _, task = max((self._score(row, buckets), task) for task, row in self._tasks.items())
        score = self._score(self._complexity, buckets)
        return Assessment(min(HARDEST, max(1, round(score))), task, score)

    @staticmethod
    def _score(row: _Row, buckets: list[int]) -> float:
        # At C's speed: a bytes object gives small integers, of which none is made.
        picked = itemgetter(*buckets, 0, 0)(row.weights)
        total = sum(picked) - 2 * row.weights[0] - _ZERO * len(buckets)
        return row.constant + row.scale * total / len(buckets) ** 0.5 if buckets else row.constant


def write(rows: list[tuple[float, float, list[int]]]) -> bytes:
    """Return the file of weights with *rows* of scale, constant and weights (-127 to 127): complexity, then each type of task."""
    return _MAGIC + b"".join(
        _HEAD.pack(scale, constant) + bytes(weight + _ZERO for weight in weights) for scale, constant, weights in rows
    )
