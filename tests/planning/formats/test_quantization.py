"""How weights are packed is said in people's words."""

from typing import Any

import pytest

from hostd.planning.formats.quantization import is_mlx, quantisation


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "AWQ 4-bit"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 8}}, "GPTQ 8-bit"),
        ({"quantization_config": {"quant_method": "fp8"}}, "FP8"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bitsandbytes 4-bit"),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 4}}},
                }
            },
            "compressed-tensors 4-bit",
        ),
        ({"quantization": {"group_size": 64, "bits": 4}, "quantization_config": {"bits": 4}}, "MLX 4-bit"),
        ({"torch_dtype": "bfloat16"}, "BF16"),
        ({"dtype": "float16"}, "F16"),
        ({"quantization_config": {"quant_method": "gptq", "bits": "four"}}, "GPTQ"),
        ({"quantization_config": [], "quantization": 4, "dtype": {}}, ""),
        ({}, ""),
    ],
)
def test_each_method_has_its_word(config: dict[str, Any], word: str) -> None:
    """The method and its bits, where the configuration has them; else the plain type; else nothing."""
    assert word == quantisation(config, {})


def test_the_nested_part_may_say_it() -> None:
    """A model that also sees keeps the type of its text part in there."""
    assert "BF16" == quantisation({}, {"dtype": "bfloat16"})


@pytest.mark.parametrize(
    ("config", "metadata", "expected"),
    [({"quantization": {"bits": 4}}, {}, True), ({}, {"format": "mlx"}, True), ({}, {"format": "pt"}, False)],
)
def test_mlx_is_recognised_by_its_marks(config: dict[str, Any], metadata: dict[str, str], expected: bool) -> None:
    """MLX writes its own key, and its own note into each file."""
    assert expected is is_mlx(config, metadata)
