"""Headers become shapes: each family's layers keep what that family's engine code makes them keep."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.shape import LayerKind, Shape
from hostd.planning.formats.gguf import GgufHeader, parse
from hostd.planning.formats.gguf_cursor import GgufError
from hostd.planning.formats.gguf_families import KNOWN, PROJECTORS, ROUTED
from hostd.planning.formats.gguf_shape import shape_of
from tests.planning.stub import model, stub

LETTERS = {LayerKind.FULL: "F", LayerKind.SLIDING: "s", LayerKind.RECURRENT: "r", LayerKind.NONE: "-"}
BASE: dict[str, Any] = {
    "embedding_length": 512,
    "context_length": 4096,
    "attention__head_count": 8,
    "attention__head_count_kv": 2,
    "attention__key_length": 64,
    "attention__value_length": 64,
}
MAMBA = {"ssm__conv_kernel": 4, "ssm__inner_size": 1024, "ssm__state_size": 16, "ssm__group_count": 2}


def shape(architecture: str, layers: int, tensors: Any = (), **numbers: Any) -> Shape:
    """Return the shape of a model of that many layers."""
    header = parse(model(architecture, tensors, **(BASE | {"block_count": layers} | numbers)))
    assert isinstance(header, GgufHeader)
    return shape_of(header)


def kinds(found: Shape) -> str:
    """Return one letter per layer."""
    return "".join(LETTERS[layer.kind] for layer in found.layers)


@pytest.mark.parametrize(
    ("architecture", "layers", "numbers", "expected"),
    [
        ("llama", 3, {}, "FFF"),
        ("bert", 2, {}, "--"),
        ("phi3", 3, {"attention__sliding_window": 2048}, "FFF"),
        ("gemma2", 4, {}, "sFsF"),
        ("gemma3", 7, {"attention__sliding_window": 1024}, "sssssFs"),
        ("gemma3", 7, {}, "FFFFFFF"),
        ("gpt-oss", 4, {"attention__sliding_window": 128}, "sFsF"),
        ("llama4", 5, {}, "sssFs"),
        ("llama4", 5, {"attention__sliding_window": 0}, "FFFFF"),
        ("cohere2", 5, {"attention__sliding_window": 4096}, "sssFs"),
        ("cohere2moe", 5, {"attention__sliding_window": 4096}, "FsssF"),
        ("exaone4", 5, {}, "FFFFF"),
        ("exaone4", 64, {}, "sssF" * 16),
        ("smallthinker", 5, {}, "FFFFF"),
        ("smallthinker", 5, {"attention__sliding_window": 1}, "FsssF"),
        ("gemma3", 4, {"attention__sliding_window": 512, "attention__sliding_window_pattern": 2}, "sFsF"),
        (
            "gemma3",
            4,
            {"attention__sliding_window": 512, "attention__sliding_window_pattern": [True, True, False, True]},
            "ssFs",
        ),
        (
            "mimo2",
            3,
            {"attention__sliding_window": 128, "attention__sliding_window_pattern": [False, True, True]},
            "Fss",
        ),
        ("step35", 3, {"attention__sliding_window": 128}, "FFF"),
        ("gemma3n", 22, {"attention__sliding_window": 512}, "ssssF" * 4 + "--"),
        (
            "gemma4",
            4,
            {
                "attention__sliding_window": 512,
                "attention__sliding_window_pattern": [True, False, True, False],
                "attention__shared_kv_layers": 1,
            },
            "sFs-",
        ),
        ("jamba", 4, MAMBA | {"attention__head_count_kv": [0, 0, 2, 0]}, "rrFr"),
        ("granitehybrid", 3, MAMBA | {"attention__head_count_kv": [0, 2, 0]}, "rFr"),
        ("lfm2", 3, {"shortconv__l_cache": 3, "attention__head_count_kv": [0, 2, 0]}, "rFr"),
        (
            "lfm2",
            3,
            {"shortconv__l_cache": 3, "attention__head_count_kv": [0, 2, 0], "attention__sliding_window": 64},
            "rsr",
        ),
        (
            "nemotron_h",
            4,
            MAMBA | {"attention__head_count_kv": [0, 2, 0, 0], "feed_forward_length": [0, 0, 128, 0]},
            "rF-r",
        ),
        ("falcon-h1", 2, MAMBA, "FF"),
        ("qwen3next", 5, MAMBA, "rrrFr"),
        ("qwen35", 4, MAMBA | {"full_attention_interval": 2}, "rFrF"),
        ("qwen35moe", 3, MAMBA | {"attention__recurrent_layers": [True, False, True]}, "rFr"),
        ("minimax-01", 9, {}, "rrrrrrrFr"),
        ("mamba", 2, MAMBA, "rr"),
        ("rwkv7", 2, {"wkv__head_size": 64}, "rr"),
        ("kimi-linear", 3, {"kda__head_dim": 64, "attention__head_count_kv": [0, 0, 1]}, "rrF"),
    ],
)
def test_each_family_keeps_what_its_engine_keeps(
    architecture: str, layers: int, numbers: dict[str, Any], expected: str
) -> None:
    """Which layers see everything, slide, recur or keep nothing follows the architecture's rule and the header's lists."""
    assert expected == kinds(shape(architecture, layers, **numbers))


@pytest.mark.parametrize(
    ("architecture", "numbers", "expected"),
    [
        ("qwen35", MAMBA, (3 * (1024 + 2 * 2 * 16), 16 * 1024)),
        ("mamba", MAMBA | {"ssm__group_count": 0}, (3 * 1024, 16 * 1024)),
        ("lfm2", {"shortconv__l_cache": 3, "attention__head_count_kv": 0}, (2 * 512, 0)),
        ("rwkv6", {"wkv__head_size": 64}, (2 * 512, 64 * 512)),
        ("arwkv7", {"wkv__head_size": 64, "token_shift_count": 1}, (512, 64 * 512)),
        (
            "kimi-linear",
            {"kda__head_dim": 32, "ssm__conv_kernel": 4, "attention__head_count_kv": 0},
            (3 * 3 * 8 * 32, 32 * 32 * 8),
        ),
        ("minimax-01", {}, (0, 64 * 64 * 8)),
        ("falcon-h1", MAMBA, (3 * (1024 + 2 * 2 * 16), 16 * 1024)),
    ],
)
def test_recurrent_state_follows_the_kind_of_recurrence(
    architecture: str, numbers: dict[str, Any], expected: tuple[int, int]
) -> None:
    """The elements of convolution state and state are those of the engine's formulas."""
    first = shape(architecture, 1, **numbers).layers[0]
    assert expected == (first.conv_state, first.state)


def test_heads_and_widths_may_differ_by_layer() -> None:
    """Lists of head counts hold layer by layer, and sliding layers may have widths of their own."""
    numbers = {
        "attention__head_count_kv": [8, 1],
        "attention__key_length": 512,
        "attention__value_length": 512,
        "attention__key_length_swa": 256,
        "attention__value_length_swa": 128,
        "attention__sliding_window": 1024,
        "attention__sliding_window_pattern": [True, False],
    }
    sliding, full = shape("gemma4", 2, **numbers).layers
    assert (8, 256, 128) == (sliding.kv_heads, sliding.key_width, sliding.value_width)
    assert (1, 512, 512) == (full.kv_heads, full.key_width, full.value_width)


def test_widths_fall_back_to_an_even_share() -> None:
    """Without head widths, heads share the embedding; without KV heads, there are as many as query heads."""
    header = parse(model("llama", block_count=1, embedding_length=512, attention__head_count=8))
    assert isinstance(header, GgufHeader)
    first = shape_of(header).layers[0]
    assert (8, 64, 64) == (first.kv_heads, first.key_width, first.value_width)


def test_a_latent_is_one_key_and_no_value() -> None:
    """With the keys for it, latent attention keeps one vector per token; without them, all heads' keys and values."""
    numbers = {"attention__kv_lora_rank": 512, "rope__dimension_count": 64, "attention__key_length": 192}
    legacy = shape("deepseek2", 1, **numbers)
    new = shape("deepseek2", 1, **numbers, attention__key_length_mla=192, attention__value_length_mla=128)
    assert (2 * 192, 2 * 64) == (legacy.layers[0].key_elements, legacy.layers[0].value_elements)
    assert (576, 0) == (new.layers[0].key_elements, new.layers[0].value_elements)
    bare = shape("deepseek2", 1, attention__kv_lora_rank=512, attention__key_length=576,
                 attention__key_length_mla=192, attention__value_length_mla=128)  # fmt: skip
    assert (576, 0) == (bare.layers[0].key_elements, bare.layers[0].value_elements)
    assert (576, False, 576, True) == (legacy.latent, legacy.latent_cached, new.latent, new.latent_cached)


def test_an_indexer_belongs_to_layers_that_own_one() -> None:
    """Sparse attention's index keys are kept on the layers that the header names, on all if it names none."""
    numbers = {"attention__indexer__key_length": 128}
    assert [128, 128] == [layer.index_width for layer in shape("deepseek32", 2, **numbers).layers]
    owned = shape("glm-dsa", 2, **numbers, attention__indexer__types=[True, False]).layers
    assert [128, 0] == [layer.index_width for layer in owned]
    dense_first = shape("minimax-m3", 2, **numbers, leading_dense_block_count=1).layers
    assert [0, 128 + 64] == [layer.index_width for layer in dense_first]


def test_an_indexer_of_blocks_has_several_rows_for_each_token() -> None:
    """GLM's has a key, a gate and a pooled key, Qwen's no gate, and the key alone in a header that tells of no blocks."""
    numbers = {"attention__indexer__key_length": 128}
    glm = shape("glm5-next", 2, **numbers, attention__head_count_kv=[0, 1], kda__head_dim=16, ssm__conv_kernel=4)
    assert (("rF", True), [0, 384]) == ((kinds(glm), glm.known), [layer.index_width for layer in glm.layers])
    qwen = shape("qwen4exp", 4, **numbers, **MAMBA, attention__compress_ratios=[0, 0, 0, 32])
    assert (("rrrF", True), [0, 0, 0, 256]) == ((kinds(qwen), qwen.known), [layer.index_width for layer in qwen.layers])
    assert [0, 0, 0, 128] == [layer.index_width for layer in shape("qwen4exp", 4, **numbers, **MAMBA).layers]


def test_drafting_layers_are_no_part_of_the_trunk() -> None:
    """Layers that predict further tokens are apart from the trunk, their weights as well."""
    tensors = [(f"blk.{number}.w", (number + 1,), "i8") for number in range(5)]
    found = shape("qwen35", 5, tensors, nextn_predict_layers=1, **MAMBA)
    assert ("rrrF", 1, LayerKind.FULL) == (kinds(found), len(found.nextn), found.nextn[0].kind)
    assert ([1, 2, 3, 4], 5) == ([layer.dense_bytes for layer in found.layers], found.nextn[0].dense_bytes)


def test_weights_are_grouped_by_place() -> None:
    """The tables of input and output, dense weights and experts are told apart; a missing output is the token table again."""
    tensors = [
        ("token_embd.weight", (512, 100), "i8"),
        ("blk.0.attn_q.weight", (10,), "i8"),
        ("blk.0.ffn_up_exps.weight", (20,), "i8"),
        ("output_norm.weight", (5,), "i8"),
    ]
    found = shape("llama", 1, tensors)
    assert (10, 20) == (found.layers[0].dense_bytes, found.layers[0].expert_bytes)
    assert (51200, 0, 5, True, 100) == (
        found.tables.token_embedding, found.tables.output, found.tables.other, found.tied, found.vocabulary,
    )  # fmt: skip
    assert found.weight_bytes == 51200 + 10 + 20 + 5
    assert not shape("llama", 1, [*tensors, ("output.weight", (7,), "i8")]).tied


def test_an_unknown_architecture_is_bounded_from_above() -> None:
    """Of an architecture that is not known, every layer counts as full, with the most heads of any and all its states."""
    numbers = MAMBA | {"attention__head_count_kv": [0, 4], "attention__sliding_window": 16}
    found = shape("brand-new", 2, **numbers)
    assert (False, "FF") == (found.known, kinds(found))
    assert [(4, 16 * 1024)] * 2 == [(layer.kv_heads, layer.state) for layer in found.layers]


@given(st.sampled_from(sorted(KNOWN - ROUTED)), st.integers(1, 40), st.integers(1, 40))
def test_the_bound_is_never_below_a_known_family(architecture: str, layers: int, window: int) -> None:
    """Whatever a family keeps, the bound for an unknown one with the same numbers keeps at least as much."""
    numbers = MAMBA | {
        "attention__sliding_window": window,
        "attention__indexer__key_length": 32,
        "shortconv__l_cache": 0,
    }
    known, bound = (shape(name, layers, **numbers) for name in (architecture, "brand-new"))
    for layer, most in zip(known.layers, bound.layers, strict=True):
        assert layer.key_elements + layer.value_elements <= most.key_elements + most.value_elements
        assert layer.conv_state + layer.state <= most.conv_state + most.state or architecture == "minimax-01"


def test_a_projector_is_all_projector() -> None:
    """A tower that goes beside a model has no layers of a language model, only weights."""
    header = parse(stub({"general.architecture": next(iter(PROJECTORS))}, [("v.blk.0.w", (100,), "i8")]))
    assert isinstance(header, GgufHeader)
    found = shape_of(header)
    assert ((), 100) == (found.layers, found.projector)


def test_what_a_header_says_of_itself_is_kept() -> None:
    """Name, quantisation, vocabulary and trained context come from the header."""
    found = shape("llama", 1, vocab_size=1000)
    assert ("a llama", 1000, 4096, "") == (found.name, found.vocabulary, found.context, found.quantisation)
    for number, label in ((0, "F32"), (15, "Q4_K_M"), (1024 + 7, "Q8_0")):
        keys = {"general.architecture": "llama", "general.file_type": number, "llama.block_count": 1}
        header = parse(stub(keys))
        assert isinstance(header, GgufHeader)
        assert label == shape_of(header).quantisation


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"block_count": 0}, "another kind of model"),
        ({"block_count": 100_000}, "counts 100000 layers"),
        ({"nextn_predict_layers": 3}, "3 drafting layers among 2"),
        ({"attention__head_count_kv": [1]}, "1 numbers for 2 layers"),
        ({"attention__head_count_kv": "many"}, "where a number"),
        ({"attention__head_count_kv": 4_000_000_000}, "where a number"),
        ({"attention__head_count_kv": [1] * 2000}, "no number of layers explains"),
        ({"attention__key_length": 0.5}, "where a number"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(numbers: dict[str, Any], message: str) -> None:
    """A header whose numbers contradict each other is an error that names the key."""
    with pytest.raises(GgufError, match=message):
        shape("llama", numbers.pop("block_count", 2), **numbers)


def test_a_header_without_an_architecture_is_refused() -> None:
    """What names no architecture is no model."""
    header = parse(stub({"general.name": "nobody"}))
    assert isinstance(header, GgufHeader)
    with pytest.raises(GgufError, match="names no architecture"):
        shape_of(header)


def test_weights_of_layers_that_are_not_there_are_refused() -> None:
    """Weights beyond the last layer mean that the header lies about its layers."""
    with pytest.raises(GgufError, match="weights of layer 7"):
        shape("llama", 2, [("blk.7.w", (1,), "i8")])


@given(
    st.sampled_from([*sorted(KNOWN), "brand-new"]),
    st.dictionaries(
        st.sampled_from([*BASE, *MAMBA, "attention__sliding_window", "full_attention_interval", "nextn_predict_layers",
                         "attention__sliding_window_pattern", "attention__shared_kv_layers", "wkv__head_size", "kda__head_dim",
                         "attention__kv_lora_rank", "attention__key_length_mla", "shortconv__l_cache"]),
        st.one_of(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 9), min_size=1, max_size=5), st.text(max_size=3)),
    ),
)  # fmt: skip
def test_no_header_breaks_the_arithmetic(architecture: str, numbers: dict[str, Any]) -> None:
    """Whatever numbers a header has, it becomes a shape or is refused by an error of ours."""
    try:
        found = shape(architecture, 3, **numbers)
    except GgufError:
        return
    assert 3 + (found.architecture in ROUTED) == len(found.layers) + len(found.nextn)


def test_compressed_attention() -> None:
    """Every layer has a window and one key for both purposes; an indexer has keys where little is compressed."""
    ratios = (0, 0, 4, 128, 4, 128)
    numbers = {
        "attention__key_length": 512,
        "attention__head_count_kv": 1,
        "attention__sliding_window": 128,
        "attention__compress_ratios": (*ratios, 0),
        "attention__indexer__key_length": 128,
    }
    found = shape("deepseek4", 6, **numbers)
    assert ("ssssss", True, 128) == (kinds(found), found.known, found.window)
    assert ratios == tuple(layer.compress_ratio for layer in found.layers)
    assert (0, 0, 128, 0, 128, 0) == tuple(layer.index_width for layer in found.layers)
    assert {(512, 0)} == {(layer.key_elements, layer.value_elements) for layer in found.layers}


def test_the_names_of_ollamas_converter() -> None:
    """They stand for the same architectures, and keep their own keys."""
    theirs = shape("gptoss", 4, attention__sliding_window=128)
    assert ("sFsF", True, "gptoss", 128) == (kinds(theirs), theirs.known, theirs.architecture, theirs.window)


def test_a_router_of_adapters_is_a_layer_of_one_head() -> None:
    """Without weights, after the last layer."""
    found = shape("graniteswitch", 3, [("blk.2.attn_qkv.weight", (64,), "i8")])
    assert ("FFFF", (2, 2, 2, 1)) == (kinds(found), tuple(layer.kv_heads for layer in found.layers))
    assert ([0, 0, 64, 0], True) == ([layer.dense_bytes for layer in found.layers], found.known)


@pytest.mark.parametrize(("architecture", "meant"), [("k2-horizon", "k2-horizon"), ("glmocr", "glm4")])
def test_newer_architectures_with_plain_attention(architecture: str, meant: str) -> None:
    """By llama.cpp's name, and by the one that Ollama's converter writes."""
    found = shape(architecture, 3)
    assert ("FFF", True) == (kinds(found), found.known)
    assert meant in KNOWN


def test_layers_that_are_run_again_are_bounded_by_all_of_their_runs() -> None:
    """Of an architecture that is not known."""
    assert 3 * shape("newest", 2).layers[0].kv_heads == shape("newest", 2, num_loops=3).layers[0].kv_heads
