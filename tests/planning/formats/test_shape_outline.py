"""Numbers that ship with a profile become a shape whose weights add up to the file."""

from typing import Any

import pytest

from hostd.planning.formats.safetensors import BadModel
from hostd.planning.formats.shape_outline import outline

CONFIG = {"model_type": "qwen2", "hidden_size": 1024, "num_hidden_layers": 7, "num_attention_heads": 8}
CONFIG |= {"num_key_value_heads": 2, "vocab_size": 1000, "max_position_embeddings": 4096, "tie_word_embeddings": False}
DOCUMENT: dict[str, Any] = {"config": CONFIG, "bytes": 100_000_001, "quantisation": "Q4_K_M"}


def test_the_weights_add_up_to_the_file() -> None:
    """Every byte is somewhere: in the tables as such files pack them, or in a layer."""
    shape = outline(DOCUMENT, "m")
    assert (100_000_001, 100_000_001, "Q4_K_M", "m") == (
        shape.weight_bytes,
        shape.file_bytes,
        shape.quantisation,
        shape.name,
    )
    assert (1000 * 4 * 144, 1000 * 4 * 210) == (shape.tables.token_embedding, shape.tables.output)
    sizes = [layer.weight_bytes for layer in shape.layers]
    assert max(sizes) - min(sizes) <= 1


def test_what_is_kept_of_tokens_is_exact() -> None:
    """The layers are those of the configuration."""
    assert [(2, 128, 128)] * 7 == [
        (layer.kv_heads, layer.key_width, layer.value_width) for layer in outline(DOCUMENT, "m").layers
    ]


@pytest.mark.parametrize(("packing", "row"), [("Q4_K_M", 4 * 210), ("Q8_0", 32 * 34), ("MXFP4", 32 * 34)])
def test_one_table_for_input_and_output_is_counted_once(packing: str, row: int) -> None:
    """It is packed as the output is."""
    shape = outline(DOCUMENT | {"config": CONFIG | {"tie_word_embeddings": True}, "quantisation": packing}, "m")
    assert (1000 * row, 0, True) == (shape.tables.token_embedding, shape.tables.output, shape.tied)
    assert 100_000_001 == shape.weight_bytes


@pytest.mark.parametrize(
    "wrong",
    [{"config": None}, {"bytes": 0}, {"bytes": True}, {"bytes": 10**6}, {"bytes": 1 << 60}, {"quantisation": 4}],
)
def test_numbers_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    """The sentence names the model."""
    with pytest.raises(BadModel, match="'m'"):
        outline(DOCUMENT | wrong, "m")


def test_experts_get_the_part_that_their_widths_have() -> None:
    """So that a plan may leave them to the CPU; a dense model has none."""
    config = {
        "model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
        "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768,
        "vocab_size": 151936, "max_position_embeddings": 32768, "tie_word_embeddings": False,
    }  # fmt: skip
    shape = outline({"config": config, "bytes": 18_600_000_000, "quantisation": "Q4_K_M"}, "a")
    experts = sum(layer.expert_bytes for layer in shape.layers)
    assert 0.95 < experts / sum(layer.weight_bytes for layer in shape.layers) < 0.98
