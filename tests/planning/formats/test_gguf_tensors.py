"""Where tensors belong."""

from hostd.planning.formats.gguf import GgufHeader, parse
from hostd.planning.formats.gguf_tensors import group
from tests.planning.stub import stub

NAMES = [
    "token_embd.weight", "position_embd.weight", "per_layer_token_embd.weight", "output.weight", "output_norm.weight",
    "rope_freqs.weight", "blk.3.attn_q.weight", "blk.3.ffn_down_exps.weight", "blk.3.ffn_down_shexp.weight",
    "blk.x.w", "v.blk.0.w", "mm.0.weight", "cls.bias",
]  # fmt: skip


def test_each_tensor_is_counted_once_where_it_belongs() -> None:
    """Names decide the place; shared experts are dense, and what is not recognised is other."""
    header = parse(stub({}, [(name, (1 << number,), "i8") for number, name in enumerate(NAMES)]))
    assert isinstance(header, GgufHeader)
    found = group(header.tensors)
    assert (0b11, 0b100, 0b1000 | 1 << 12) == (found.token_embedding, found.layer_embedding, found.output)
    assert ({3: 1 << 6 | 1 << 8}, {3: 1 << 7}) == (found.dense, found.experts)
    assert (1 << 10 | 1 << 11, 1 << 4 | 1 << 5 | 1 << 9) == (found.projector, found.other)
    assert (1 << 13) - 1 == found.by_type["i8"]


def test_an_output_bias_is_no_output() -> None:
    """Only a matrix of its own makes an output that is not tied."""
    header = parse(stub({}, [("output.bias", (5,), "i8")]))
    assert isinstance(header, GgufHeader)
    assert not group(header.tensors).has_output


def test_experts_are_what_the_engine_moves() -> None:
    """Those of feed-forward parts, in chunks too; experts of attention's values stay where the layer is."""
    names = ["ffn_gate_up_exps", "ffn_up_chexps", "attn_v_exps", "ffn_gate_inp"]
    header = parse(stub({}, [(f"blk.0.{name}.weight", (1 << at,), "i8") for at, name in enumerate(names)]))
    assert isinstance(header, GgufHeader)
    assert ({0: 0b11}, {0: 0b1100}) == (group(header.tensors).experts, group(header.tensors).dense)
