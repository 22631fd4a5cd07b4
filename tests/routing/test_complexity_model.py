"""An assessment is a sum of the weights of the signs that a prompt has."""

import pytest

from hostd.domain.model_choice import TaskType
from hostd.routing.complexity_model import ComplexityModel, write
from hostd.routing.prompt_signs import BUCKETS, signs

_TYPES = list(TaskType)


def _model(**weights: int) -> ComplexityModel:
    """Return a model in which each sign of "hard" has the weight of its row, by the name of a type or `complexity`."""
    marked = set(signs("hard"))
    rows = [
        (0.5, 4.0 if name == "complexity" else 0.0, [weights.get(name, 0) * (at in marked) for at in range(BUCKETS)])
        for name in ("complexity", *_TYPES)
    ]
    return ComplexityModel.read(write(rows))


def test_weights_of_signs_add_up() -> None:
    """Scaled, divided by the root of their number, and added to the constant of the row."""
    assessed = _model(complexity=2, code=3, chat=1).assess("hard")
    root = len(signs("hard")) ** 0.5
    assert assessed.score == pytest.approx(4.0 + 0.5 * 2 * root)
    assert (TaskType.CODE, round(assessed.score)) == (assessed.task, assessed.level)


@pytest.mark.parametrize(("weight", "level"), [(127, 10), (-127, 1), (0, 4)])
def test_complexity_is_from_one_to_ten(weight: int, level: int) -> None:
    """However many signs speak for more or less."""
    assert level == _model(complexity=weight).assess("hard").level


@pytest.mark.parametrize("said", ["", "\x00", "?" * 100_000])
def test_any_text_is_assessed(said: str) -> None:
    """One without a word, too."""
    assert 1 <= _model().assess(said).level <= 10


@pytest.mark.parametrize("part", [slice(-1), slice(1, None), slice(0)])
def test_weights_of_another_version_are_refused(part: slice) -> None:
    """Instead of assessments by what they happen to be."""
    whole = write([(1.0, 0.0, [0] * BUCKETS)] * (1 + len(_TYPES)))
    assert ComplexityModel.read(whole)
    with pytest.raises(ValueError, match="weights"):
        ComplexityModel.read(whole[part])
