"""Models of which only the size is known."""

import pytest

from hostd.planning.formats.safetensors import BadModel
from hostd.planning.formats.typical_shape import typical_shape

GB = 10**9


@pytest.mark.parametrize(
    ("text", "gigabytes"),
    [
        ("2B/q8_0", 2.12),
        ("14B/q4_k_m", 8.6),
        ("72B/q4_k_m", 44.0),
        ("109B-a17B/int4", 61.3),
        ("400B-a17B/int4", 225.0),
    ],
)
def test_weights_follow_from_the_parameters(text: str, gigabytes: float) -> None:
    """Published files of such sizes: about 2, 9, 45, 62.5 and 216 GB."""
    shape = typical_shape(text)
    assert abs(shape.weight_bytes / GB / gigabytes - 1) < 0.01
    assert shape.file_bytes >= shape.weight_bytes


def test_layers_are_those_of_models_of_that_size() -> None:
    """A dense model of 72 billion has 80 layers of 8 KV heads of 128: 320 KiB a token at f16."""
    shape = typical_shape("72B/q4_k_m")
    assert 320 << 10 == sum(2 * (layer.key_elements + layer.value_elements) for layer in shape.layers)
    assert (80, 0, 0) == (len(shape.layers), shape.experts, sum(layer.expert_bytes for layer in shape.layers))
    sparse = typical_shape("400B-a17B/q4_k_m")
    assert sum(layer.expert_bytes for layer in sparse.layers) > 0.9 * sparse.weight_bytes * 383 / 400
    assert (128, 8) == (sparse.experts, sparse.experts_used)


@pytest.mark.parametrize("text", ["72B", "72/q4_k_m", "72B/q99", "0B/q4_k_m", "10B-a17B/q4_k_m", "99999B/f16", ""])
def test_what_is_no_size_is_refused(text: str) -> None:
    """With the form that one has."""
    with pytest.raises(BadModel):
        typical_shape(text)
