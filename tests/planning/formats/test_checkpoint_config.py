"""A configuration becomes the numbers that decide about memory, or an upper bound, or a refusal."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.formats.checkpoint_config import read_configuration
from hostd.planning.formats.checkpoint_families import CHECKPOINT_FAMILIES
from hostd.planning.formats.checkpoint_tensors import TensorPlaces
from hostd.planning.formats.safetensors import BadModel

PLAIN = {"model_type": "qwen2", "hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28}
PLAIN |= {"num_key_value_heads": 4, "vocab_size": 152064}


def places(**given: Any) -> TensorPlaces:
    """Return places of tensors, empty but for what is given."""
    return replace(TensorPlaces({}, {}, 0, 0, Tables()), **given)


def read(config: Mapping[str, Any], **given: Any) -> Shape:
    """Return the shape of a configuration."""
    return read_configuration(config, places(**given), name="m")


def kv_bytes(shape: Shape) -> int:
    """Return the bytes per token that layers which see everything keep, two per element."""
    return sum(
        2 * (layer.key_elements + layer.value_elements) for layer in shape.layers if layer.kind is LayerKind.FULL
    )


def test_grouped_heads_have_the_width_of_hidden_by_heads() -> None:
    """Where no width is said, it follows: Qwen 2.5 7B keeps 56 KiB per token."""
    shape = read(PLAIN)
    assert Layer(LayerKind.FULL, 28, 4, 128, 128) == shape.layers[0]
    assert (57344, True, 152064) == (kv_bytes(shape), shape.known, shape.vocabulary)


def test_a_said_width_counts() -> None:
    """Qwen3 0.6B has heads of 128 where hidden by heads is 64."""
    assert 128 == read(PLAIN | {"hidden_size": 1792, "head_dim": 128}).layers[0].key_width


def test_without_kv_heads_every_head_keeps_its_own() -> None:
    """A missing or null number of key-value heads means as many as query heads."""
    config = {key: value for key, value in PLAIN.items() if key != "num_key_value_heads"} | {"model_type": "llama"}
    assert 28 == read(config | {"num_key_value_heads": None}).layers[0].kv_heads


def test_qwen35_alternates_state_and_attention() -> None:
    """Qwen3.6 27B: 16 layers with attention keep 64 KiB per token, 48 keep 149.62 MiB per sequence."""
    text = {"model_type": "qwen3_5_text", "hidden_size": 5120, "num_hidden_layers": 64, "num_attention_heads": 24}
    shape = read({"model_type": "qwen3_5", "text_config": text | {"linear_num_value_heads": 48}})
    states = sum(4 * (layer.conv_state + layer.state) for layer in shape.layers)
    assert (16, 48) == (shape.count(LayerKind.FULL), shape.count(LayerKind.RECURRENT))
    assert (65536, 149.62) == (kv_bytes(shape), round(states / 2**20, 2))


def test_gemma3_leaves_out_what_is_usual() -> None:
    """A nested configuration without heads and widths gets its family's: Gemma 3 4B has five of six layers sliding."""
    text = {"model_type": "gemma3_text", "hidden_size": 2560, "num_hidden_layers": 34, "sliding_window": 1024}
    shape = read({"model_type": "gemma3", "text_config": text, "vision_config": {"hidden_size": 1152}})
    assert (29, 5, 1024) == (shape.count(LayerKind.SLIDING), shape.count(LayerKind.FULL), shape.window)
    assert (Layer(LayerKind.SLIDING, 8, 4, 256, 256), True) == (shape.layers[0], shape.tied)


def test_gemma4_keeps_few_wide_heads_where_it_sees_everything() -> None:
    """Gemma 4 12B: sliding layers have 8 heads of 256, the others one of 512."""
    text = {
        "model_type": "gemma4_text",
        "hidden_size": 3840,
        "num_hidden_layers": 48,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "sliding_window": 1024,
        "attention_k_eq_v": True,
        "num_global_key_value_heads": 1,
    }
    shape = read({"model_type": "gemma4", "text_config": text})
    assert (8, 256, 1, 512) == (*_kept(shape.layers[0]), *_kept(shape.layers[5]))


def _kept(layer: Layer) -> tuple[int, int]:
    return layer.kv_heads, layer.key_width


def test_shared_layers_keep_nothing() -> None:
    """Gemma 3n's last 15 layers read what earlier ones keep."""
    shape = read({"model_type": "gemma3n", "text_config": {"model_type": "gemma3n_text", "num_hidden_layers": 35}})
    assert (15, LayerKind.NONE) == (shape.count(LayerKind.NONE), shape.layers[20].kind)


def test_listed_layers_are_as_listed() -> None:
    """GPT-OSS lists its layers; every second one slides."""
    listed = ["sliding_attention", "full_attention"] * 12
    shape = read(
        PLAIN | {"model_type": "gpt_oss", "num_hidden_layers": 24, "layer_types": listed, "sliding_window": 128}
    )
    assert (12, 12, 128) == (shape.count(LayerKind.SLIDING), shape.count(LayerKind.FULL), shape.window)


def test_without_a_window_nothing_slides() -> None:
    """A window of null turns sliding off, whatever the layers are called."""
    config = PLAIN | {"model_type": "gemma2", "sliding_window": None}
    assert (0, 0) == (read(config).count(LayerKind.SLIDING), read(config).window)


def test_llama4_attends_in_chunks() -> None:
    """Three of four layers see a chunk of 8192 tokens."""
    shape = read({"model_type": "llama4", "text_config": {"model_type": "llama4_text", "num_hidden_layers": 48}})
    assert (36, 8192) == (shape.count(LayerKind.SLIDING), shape.window)


def test_a_latent_is_one_head_without_values() -> None:
    """DeepSeek V3 keeps 576 elements per token and layer: 70,272 bytes per token in all."""
    config = {"model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128}
    shape = read(config | {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "head_dim": 64})
    assert (576, True, 70272) == (shape.latent, shape.latent_cached, kv_bytes(shape))


def test_kimi_linear_mixes_a_latent_with_square_states() -> None:
    """Its layers are counted from 1; three of four keep a state of width times width per head."""
    linear = {"kda_layers": [1, 2, 3], "full_attn_layers": [4], "num_heads": 32, "head_dim": 128}
    config = {"model_type": "kimi_linear", "hidden_size": 2304, "num_hidden_layers": 4, "num_attention_heads": 32}
    shape = read(config | {"linear_attn_config": linear | {"short_conv_kernel_size": 4}})
    assert (3, 576) == (shape.count(LayerKind.RECURRENT), shape.layers[3].key_elements)
    assert (3 * 3 * 4096, 32 * 128 * 128) == (shape.layers[0].conv_state, shape.layers[0].state)


def test_nemotron_h_does_one_thing_per_layer() -> None:
    """Its pattern is a text: M a state, * attention, - neither."""
    config = {"model_type": "nemotron_h", "hidden_size": 4480, "num_attention_heads": 40, "num_key_value_heads": 8}
    mamba = {"mamba_num_heads": 128, "mamba_head_dim": 80, "ssm_state_size": 128, "n_groups": 8, "conv_kernel": 4}
    shape = read(config | mamba | {"hybrid_override_pattern": "M-M*-", "num_hidden_layers": 5, "head_dim": 128})
    assert "recurrent none recurrent full none" == " ".join(layer.kind for layer in shape.layers)
    assert (3 * (10240 + 2048), 128 * 10240) == (shape.layers[0].conv_state, shape.layers[0].state)


def test_falcon_h1_does_both_in_each_layer() -> None:
    """Attention and state side by side: a layer is counted as attention, and keeps both."""
    config = PLAIN | {"model_type": "falcon_h1", "mamba_d_ssm": 1536, "mamba_d_state": 128, "mamba_n_groups": 1}
    layer = read(config).layers[0]
    assert (LayerKind.FULL, 3 * (1536 + 256), 128 * 1536, 4) == (
        layer.kind,
        layer.conv_state,
        layer.state,
        layer.kv_heads,
    )


def test_lfm2_keeps_short_convolutions() -> None:
    """A layer that is no attention keeps the last inputs of its convolution."""
    config = PLAIN | {
        "model_type": "lfm2",
        "hidden_size": 1024,
        "num_hidden_layers": 2,
        "layer_types": ["conv", "full_attention"],
    }
    assert (2048, 0) == tuple(layer.conv_state for layer in read(config | {"conv_L_cache": 3}).layers)


def test_granite_lists_mamba_and_attention() -> None:
    """The older words for layers are understood."""
    config = PLAIN | {"model_type": "granitemoehybrid", "num_hidden_layers": 2, "layer_types": ["mamba", "attention"]}
    config |= {"mamba_n_heads": 48, "mamba_d_head": "auto", "mamba_d_state": 128, "mamba_expand": 2}
    assert 128 * 2 * 3584 == read(config).layers[0].state


def test_an_encoder_keeps_nothing() -> None:
    """A model that reads its input at once has no cache."""
    shape = read(PLAIN | {"model_type": "bert"})
    assert (True, 28) == (shape.encoder, shape.count(LayerKind.NONE))


def test_an_unknown_family_is_bounded_from_above() -> None:
    """Whatever it may do to keep less is not believed: every layer keeps everything, in the widest heads."""
    config = PLAIN | {"model_type": "brandnew", "layer_types": ["linear_attention"] * 28, "v_head_dim": 256}
    shape = read(config)
    assert (False, 28) == (shape.known, shape.count(LayerKind.FULL))
    assert (4, 256, 256) == (shape.layers[0].kv_heads, shape.layers[0].key_width, shape.layers[0].value_width)


def test_an_unknown_kind_of_layer_makes_the_model_unknown() -> None:
    """A known family with layers that are not understood is bounded, too."""
    shape = read(PLAIN | {"layer_types": ["full_attention"] * 27 + ["compressed_attention"]})
    assert (False, 28) == (shape.known, shape.count(LayerKind.FULL))


def test_weights_are_given_to_their_layers() -> None:
    """Dense and experts' bytes, tables and tower all come back in the sum."""
    shape = read(
        PLAIN, dense={0: 10, 27: 5}, experts={1: 100}, tower=1000, tables=Tables(token_embedding=7, output=7, other=1)
    )
    assert (10, 100, 1130) == (shape.layers[0].dense_bytes, shape.layers[1].expert_bytes, shape.weight_bytes)
    assert not shape.tied


def test_layers_after_the_trunk_draft() -> None:
    """A layer beyond the declared count, or a module called mtp, drafts tokens and is not part of the trunk."""
    shape = read(PLAIN | {"num_nextn_predict_layers": 1}, dense={28: 50}, predictor=3)
    assert (28, 1, 53) == (len(shape.layers), len(shape.nextn), shape.nextn[0].weight_bytes)


def test_declared_drafting_that_is_not_there_is_not_counted() -> None:
    """Converters drop the drafting layers and leave their number in the configuration."""
    assert () == read(PLAIN | {"num_nextn_predict_layers": 1}, dense={0: 50}).nextn


def test_weights_of_layers_that_cannot_be_are_refused() -> None:
    """A configuration that counts far fewer layers than there are weights for belongs to another model."""
    with pytest.raises(BadModel, match="weights of layer 63 in a model of 28 layers"):
        read(PLAIN, dense={63: 1})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"num_hidden_layers": 10**12}, "num_hidden_layers = '1000000000000'"),
        ({"num_hidden_layers": -1}, "cannot be"),
        ({"hidden_size": "big"}, "hidden_size = 'big'"),
        ({"hidden_size": True}, "hidden_size = 'True'"),
        ({"num_attention_heads": 1.5}, "num_attention_heads = '1.5'"),
        ({"model_type": "olmo", "num_hidden_layers": 0}, "has no num_hidden_layers"),
        ({"model_type": "olmo", "hidden_size": None}, "has no hidden_size"),
    ],
)
def test_impossible_numbers_are_refused_by_name(change: dict[str, Any], why: str) -> None:
    """A number that everything depends on is a whole number within bounds, or the model is refused."""
    with pytest.raises(BadModel) as caught:
        read(PLAIN | change)
    assert why in caught.value.message


KEYS = sorted(
    {
        *PLAIN,
        "layer_types",
        "sliding_window",
        "kv_lora_rank",
        "qk_rope_head_dim",
        "head_dim",
        "text_config",
        "linear_attn_config",
    }
    | {"num_kv_shared_layers", "no_rope_layers", "sliding_window_pattern", "hybrid_override_pattern", "mamba_d_head"}
    | {"full_attention_interval", "quantization_config", "conv_L_cache", "global_head_dim", "tie_word_embeddings"}
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 99)
    | st.integers()
    | st.floats()
    | st.sampled_from(["M*-E", "auto", "mamba"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.sampled_from([*CHECKPOINT_FAMILIES, "brandnew"]), st.dictionaries(st.sampled_from(KEYS), values, max_size=6))
def test_any_configuration_is_read_or_refused(family: str, change: dict[str, Any]) -> None:
    """Whatever a configuration holds, the answer is a shape with as many layers as it says, or a refusal."""
    try:
        shape = read(PLAIN | {"num_hidden_layers": 4, "model_type": family} | change)
    except BadModel:
        return
    assert all(layer.kv_heads >= 0 and layer.key_width >= 0 and layer.state >= 0 for layer in shape.layers)
    assert shape.layers
