"""MLX's flags: what they mean, and what is refused."""

from typing import Any

import pytest

from hostd.domain.shape import Shape
from hostd.planning.footprint.mlx_serving import MlxServing


def test_a_request_has_the_trained_context_unless_told() -> None:
    """Without a context, a request may be as long as the model was trained for."""
    shape = Shape("llama", "a model", (), context=4096)
    assert (4096, 100) == (MlxServing().request(shape), MlxServing(context=100).request(shape))


@pytest.mark.parametrize("flags", [{"slots": 0}, {"prefill_step": 0}, {"context": -1}, {"kv_bits": 7}])
def test_nonsense_is_refused(flags: dict[str, Any]) -> None:
    """What means nothing is an error before anything is started."""
    with pytest.raises(ValueError, match=r"cannot be served|quantises"):
        MlxServing(**flags)
