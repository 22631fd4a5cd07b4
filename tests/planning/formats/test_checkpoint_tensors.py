"""The bytes of a checkpoint's tensors are counted once, and where they belong."""

import pytest

from hostd.domain.shape import Tables
from hostd.planning.formats.checkpoint_tensors import sort_tensors
from hostd.planning.formats.safetensors import CheckpointTensor


def one(name: str) -> CheckpointTensor:
    """Return a tensor of one byte."""
    return CheckpointTensor(name, "U8", (1,), 0, 1)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.3.self_attn.q_proj.weight",
        "model.language_model.layers.3.mlp.down_proj.qweight",
        "language_model.model.layers.3.mlp.gate.weight",
        "transformer.h.3.attn.c_attn.weight",
        "backbone.layers.3.mixer.in_proj.weight",
        "model.layers.3.mlp.shared_experts.up_proj.weight",
    ],
)
def test_a_layers_number_is_found_in_every_style_of_name(name: str) -> None:
    """What programs call their modules differs; the number after the list of layers is the layer."""
    assert (1, 0) == sort_tensors([one(name)]).layer(3)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.3.mlp.experts.17.up_proj.weight",
        "model.layers.3.mlp.switch_mlp.up_proj.scales",
        "model.layers.3.block_sparse_moe.experts.0.w1.weight",
        "model.layers.3.mlp.experts.gate_up_proj_blocks",
    ],
)
def test_what_a_router_picks_from_is_counted_apart(name: str) -> None:
    """Experts can be kept elsewhere than the rest of their layer, so they are not counted with it."""
    assert (0, 1) == sort_tensors([one(name)]).layer(3)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("model.embed_tokens.weight", Tables(token_embedding=1)),
        ("transformer.wte.weight", Tables(token_embedding=1)),
        ("model.language_model.embed_tokens_per_layer.weight", Tables(layer_embedding=1)),
        ("lm_head.weight", Tables(output=1)),
        ("model.norm.weight", Tables(other=1)),
    ],
)
def test_tables_belong_to_no_layer(name: str, table: Tables) -> None:
    """Embeddings and the output are told apart, for engines put them in different places."""
    assert table == sort_tensors([one(name)]).tables


@pytest.mark.parametrize(
    "name",
    [
        "model.visual.blocks.0.attn.qkv.weight",
        "vision_tower.vision_model.encoder.layers.1.mlp.fc1.weight",
        "multi_modal_projector.linear_1.weight",
        "model.audio_tower.layers.2.fc1.weight",
        "model.embed_vision.embedding_projection.weight",
    ],
)
def test_towers_are_not_layers_of_the_text_model(name: str) -> None:
    """Layers of a tower that sees or hears are numbered, too, and must not be taken for the model's."""
    assert 1 == sort_tensors([one(name)]).tower


def test_a_predictor_is_not_in_the_trunk() -> None:
    """The module that drafts next tokens has layers of its own."""
    places = sort_tensors([one("mtp.layers.0.mlp.up_proj.weight"), one("mtp.fc.weight")])
    assert (2, (0, 0)) == (places.predictor, places.layer(0))
