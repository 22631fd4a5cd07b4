"""How sure a model was."""

import pytest

from hostd.routing.cascade.logprob import failure, mean_logprob
from hostd.routing.cascade.said import Said
from tests.routing.cascade.answers import unsure


@pytest.mark.parametrize(
    ("answer", "mean", "passes"),
    [
        (unsure(-0.1, -0.3), -0.2, True),
        (unsure(-0.5, -3.5), -2.0, False),
        (unsure(), None, True),
        (unsure(-0.5, float("-inf"), None), -0.5, True),
    ],
)
def test_by_the_mean(answer: Said, mean: float | None, passes: bool) -> None:
    """An engine that tells none has its answer given."""
    assert mean_logprob(answer) == (None if mean is None else pytest.approx(mean))
    assert (failure(answer, -1.0) is None) is passes
