"""What --override-tensor moves."""

from dataclasses import replace

import pytest

from hostd.domain.footprint import Component
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.footprint.tensor_overrides import host_experts, moved_bytes
from hostd.planning.formats.gguf import GgufHeader, parse
from hostd.planning.formats.gguf_shape import shape_of
from tests.planning.stub import model

ROW = 64 * 64 * 2
TENSORS = [
    ("token_embd.weight", (64, 128), "f16"),
    ("output.weight", (64, 128), "f16"),
    *((f"blk.{number}.attn_q.weight", (64, 64), "f16") for number in range(4)),
    *((f"blk.{number}.ffn_{name}_exps.weight", (64, 64, 8), "f16") for number in range(4) for name in ("up", "down")),
]
TWO = Placement((("cuda:0", 1.0), ("cuda:1", 1.0)))


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("exps=CPU", 48),
        (r"\.ffn_.*_exps\.=CPU", 48),
        (r"ffn_(up|down|gate)_exps=CPU", 48),
        (r"blk\.([0-9]|1[0-9])\.ffn_.*_exps\.=CPU", 20),
        (r"blk\.[0-3]\.ffn_(gate|up|down)_exps=CPU,blk\.[4-7]\..*exps=CPU", 8),
        ("nothing_of_that_name=CPU", 0),
        (r"blk\.(3[0-9])\.ffn_.*_exps=CPU", None),
        ("ffn_up_exps=CPU", None),
        ("exps=CUDA1", None),
        (r"blk\.0\.=CPU", None),
        ("ffn=CPU", None),
        ("token_embd=CUDA0", None),
        ("output=CPU", None),
        ("(=CPU", None),
        ("exps", None),
    ],
)
def test_the_experts_of_first_layers_are_a_number(text: str, layers: int | None) -> None:
    """What moves anything else, or goes elsewhere, is not counted."""
    assert layers == host_experts(text, 48)


@pytest.fixture
def moe() -> GgufHeader:
    """The header of four layers of experts, three of them on the first of two cards."""
    keys = {"block_count": 4, "embedding_length": 64, "attention__head_count": 2, "context_length": 512}
    header = parse(model("llama", TENSORS, **keys))
    assert isinstance(header, GgufHeader)
    return header


@pytest.mark.parametrize(
    ("text", "by_pool"),
    [
        ("nothing=CPU", {"cuda:0": 51 * ROW, "cuda:1": 19 * ROW, "ram": 2 * ROW}),
        (r"blk\.3\..*exps=CPU", {"cuda:0": 51 * ROW, "cuda:1": 3 * ROW, "ram": 18 * ROW}),
        ("ffn_up_exps=CPU", {"cuda:0": 27 * ROW, "cuda:1": 11 * ROW, "ram": 34 * ROW}),
        ("exps=CUDA1", {"cuda:0": 3 * ROW, "cuda:1": 67 * ROW, "ram": 2 * ROW}),
        ("token_embd=CUDA0,^output=CPU", {"cuda:0": 53 * ROW, "cuda:1": 17 * ROW, "ram": 2 * ROW}),
        (r"blk\.0\.=CPU,blk=CUDA0", {"cuda:0": 51 * ROW, "cuda:1": 2 * ROW, "ram": 19 * ROW}),
    ],
)
def test_each_tensor_counts_where_the_pattern_sends_it(moe: GgufHeader, text: str, by_pool: dict[str, int]) -> None:
    """The first pattern counts, and the least bytes are exact: of what lies on the host, kernels may keep a second copy."""
    moved = moved_bytes(text, moe.tensors)
    assert moved is not None
    there = footprint(shape_of(moe), Serving(context=512, moved=moved), TWO)
    assert by_pool == {pool: there.parts[pool][Component.WEIGHTS].low for pool in by_pool}


def test_a_tied_table_moves_with_its_copy(moe: GgufHeader) -> None:
    """Input and output have one name."""
    shape = shape_of(replace(moe, tensors=tuple(each for each in moe.tensors if each.name != "output.weight")))
    moved = moved_bytes("token_embd=CPU", moe.tensors)
    assert moved is not None
    there = footprint(shape, Serving(context=512, moved=moved), TWO)
    assert 17 * ROW == there.parts["cuda:1"][Component.WEIGHTS].low
