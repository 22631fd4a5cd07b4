"""Caches that people's logs show, for architectures and flags which the table of measured rows does not have."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hostd.domain.footprint import Component
from hostd.domain.host import Pool, PoolKind
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint import vllm
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_graph import compute_buffers
from hostd.planning.footprint.llamacpp_kv import caches, cells
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.footprint.vllm_serving import VllmServing
from hostd.planning.formats.gguf import GgufHeader, parse
from hostd.planning.formats.gguf_shape import shape_of
from tests.planning.stub import model

MIB, GIB = 1 << 20, 1 << 30
ONE = Placement.on("cuda:0")


@dataclass(frozen=True)
class Log:
    """What a log shows, in MiB: *kv* of full layers, *sliding* windows, recurrent *state*, and of each card where it tells."""

    source: str
    architecture: str
    keys: dict[str, Any]
    serving: Serving
    kv: float | None = None
    sliding: float = 0.0
    state: float = 0.0
    cards: dict[str, float] = field(default_factory=dict)
    placement: Placement = ONE


def keys(layers: int, embedding: int, heads: int, kv_heads: int, context: int = 262_144, **more: Any) -> dict[str, Any]:
    """Return the keys that every header has, and *more*."""
    common = {"block_count": layers, "embedding_length": embedding, "context_length": context}
    return common | {"attention__head_count": heads, "attention__head_count_kv": kv_heads} | more


GEMMA_E4B = keys(
    42, 2560, 8, 2, attention__key_length=512, attention__value_length=512, attention__key_length_swa=256,
    attention__value_length_swa=256, attention__sliding_window=512, attention__shared_kv_layers=18,
    attention__sliding_window_pattern=[(number + 1) % 6 != 0 for number in range(42)],
)  # fmt: skip
GEMMA_270M = keys(
    18, 640, 4, 1, attention__key_length=256, attention__value_length=256, attention__sliding_window=512
)  # fmt: skip
QWEN_235B = keys(94, 4096, 64, 4, attention__key_length=128, attention__value_length=128)
QWEN_27B = keys(
    64, 5120, 24, 4, attention__key_length=256, attention__value_length=256, full_attention_interval=4,
    ssm__conv_kernel=4, ssm__inner_size=6144, ssm__state_size=128, ssm__group_count=16, ssm__time_step_rank=48,
)  # fmt: skip
DEEPSEEK = keys(
    61, 7168, 128, 1, attention__kv_lora_rank=512, attention__key_length=576, attention__value_length=512,
    attention__key_length_mla=192, attention__value_length_mla=128, rope__dimension_count=64,
)  # fmt: skip
GLM_32B = keys(61, 6144, 48, 2, attention__key_length=128, attention__value_length=128)
GEMMA_7B = keys(28, 3072, 16, 16, attention__key_length=256, attention__value_length=256)
COMMAND_R = keys(40, 8192, 64, 64)

FALCON_H1 = keys(
    24, 2048, 8, 2, attention__key_length=128, attention__value_length=128, ssm__conv_kernel=4, ssm__inner_size=3072,
    ssm__state_size=256, ssm__group_count=1, ssm__time_step_rank=48,
)  # fmt: skip
MAMBA = keys(
    48, 2048, 0, 0, ssm__conv_kernel=4, ssm__inner_size=4096, ssm__state_size=16, ssm__time_step_rank=128
)  # fmt: skip

QWEN_35B_MOE = keys(
    40, 2048, 16, 2, attention__key_length=256, attention__value_length=256, full_attention_interval=4,
    ssm__conv_kernel=4, ssm__inner_size=4096, ssm__state_size=128, ssm__group_count=16, ssm__time_step_rank=32,
    expert_count=256, expert_used_count=8, expert_feed_forward_length=512, vocab_size=248_320,
)  # fmt: skip
QWEN_FLASH_NEXT = keys(
    48, 2560, 32, 2, attention__key_length=256, attention__value_length=256, full_attention_interval=4,
    ssm__conv_kernel=4, ssm__inner_size=6144, ssm__state_size=128, ssm__group_count=16, ssm__time_step_rank=48,
    attention__indexer__head_count=4, attention__indexer__key_length=128, attention__compress_ratios=[0, 0, 0, 32] * 12,
    expert_count=512, expert_used_count=10, expert_feed_forward_length=512, vocab_size=248_320,
)  # fmt: skip
MISTRAL_7B = keys(32, 4096, 32, 8, feed_forward_length=14_336, vocab_size=32_768)

_FALCON = "https://github.com/GeniePod/genie-claw/issues/410"
_GENIEX = "https://github.com/qualcomm/GenieX/pull/1346"
_FLASH_NEXT = "https://github.com/ggml-org/llama.cpp/issues/27953"
_UNSLOTH = "https://github.com/unslothai/unsloth/pull/7530"

LOGS = [
    Log(_GENIEX, "gemma4", GEMMA_E4B, Serving(4096, 1, ubatch=1024), kv=64.0, sliding=60.0),
    Log(_GENIEX, "gemma4", GEMMA_E4B, Serving(4096, 1, ubatch=1024, full_window=True), kv=64.0, sliding=160.0),
    Log(_UNSLOTH, "gemma3", GEMMA_270M, Serving(1024, 3, unified=False), kv=4.5, sliding=22.5),
    Log(_UNSLOTH, "gemma3", GEMMA_270M, Serving(1024, 4, unified=False), kv=3.0, sliding=15.0),
    Log(
        "https://github.com/ikawrakow/ik_llama.cpp/pull/370", "qwen3moe", QWEN_235B,
        Serving(16_384, 1, key_type="q8_0", value_type="q8_0"), kv=1598.0,
        cards={"cuda:0": 816.02, "cuda:1": 782.02}, placement=Placement((("cuda:0", 48.0), ("cuda:1", 47.0))),
    ),
    Log(
        "https://github.com/ikawrakow/ik_llama.cpp/pull/344", "glm4", GLM_32B,
        Serving(5120, 1, key_type="q8_0", value_type="q8_0"), kv=162.03,
    ),
    Log(
        "https://github.com/ollama/ollama/issues/790", "gemma", GEMMA_7B, Serving(2048, 1, gpu_layers=26), kv=896.0,
        cards={"cuda:0": 800.0, "ram": 96.0},
    ),
    Log(_FALCON, "falcon-h1", FALCON_H1, Serving(32_768, 1), kv=768.0, state=72.98),
    Log(_FALCON, "mamba", MAMBA, Serving(32_768, 1), kv=0.0, state=14.25),
    Log("https://github.com/ikawrakow/ik_llama.cpp/pull/235", "deepseek2", DEEPSEEK, Serving(32_768, 1), kv=2196.0),
    Log("https://github.com/ikawrakow/ik_llama.cpp/pull/239", "deepseek2", DEEPSEEK, Serving(2048, 1), kv=137.25),
    Log(
        "https://github.com/ggml-org/llama.cpp/pull/23792", "qwen35", QWEN_27B, Serving(4096, 3, unified=False),
        state=448.88,
    ),
    Log(
        "https://github.com/ggml-org/llama.cpp/pull/22673", "qwen35moe", QWEN_35B_MOE, Serving(131_072, 1),
        kv=2560.0, state=62.81,
    ),
    Log(
        "https://github.com/ggml-org/llama.cpp/pull/23269", "qwen35moe", QWEN_35B_MOE, Serving(65_536, 1, draft=2),
        kv=1280.0, state=188.44,
    ),
    Log(_FLASH_NEXT, "qwen4exp", QWEN_FLASH_NEXT, Serving(262_144, 1, build=10_660), kv=6144.0 + 2304.0, state=112.22),
    Log(_FLASH_NEXT, "qwen4exp", QWEN_FLASH_NEXT, Serving(150_016, 1, build=10_660), kv=3516.0 + 1318.5, state=112.22),
    Log(
        "https://github.com/ggml-org/llama.cpp/pull/6122", "command-r", COMMAND_R, Serving(4096, 1), kv=5120.0,
        cards={"cuda:0": 1536.0, "cuda:1": 3584.0}, placement=Placement((("cuda:0", 12.0), ("cuda:1", 29.0))),
    ),
]  # fmt: skip


def shape(architecture: str, numbers: dict[str, Any]) -> Shape:
    """Return the shape in a header with these keys."""
    header = parse(model(architecture, (), **numbers))
    assert isinstance(header, GgufHeader)
    return shape_of(header)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log.architecture}-{log.source.rpartition('/')[2]}")
def test_a_cache_is_what_the_log_shows(log: Log) -> None:
    """To a hundredth of a mebibyte in all, of windows and of states, and on each card but for its alignment."""
    known = shape(log.architecture, log.keys)
    kept = caches(known, log.serving)
    assert known.known
    assert log.kv is None or kept.full / MIB == pytest.approx(log.kv, abs=0.01)
    assert kept.sliding / MIB == pytest.approx(log.sliding, abs=0.01)
    assert sum(kept.recurrent) / MIB == pytest.approx(log.state, abs=0.01)
    there = footprint(known, log.serving, log.placement)
    for pool, size in log.cards.items():
        assert there.parts[pool][Component.KV].expected / MIB == pytest.approx(size, abs=0.03)


def test_scores_without_flash_attention_on_two_cards() -> None:
    """2,896.01 MiB on each for 32,768 tokens, with the inputs of four steps in flight: https://github.com/ollama/ollama/issues/8377."""
    qwen = shape("qwen2", keys(64, 5120, 40, 8, feed_forward_length=27_648, vocab_size=152_064))
    serving = Serving(32_768, 1, flash="off", build=4_300)
    kept = footprint(qwen, serving, Placement((("cuda:0", 40.0), ("cuda:1", 25.0))))
    assert [5120, 3072] == [kept.parts[f"cuda:{at}"][Component.KV].expected // MIB for at in (0, 1)]
    found = compute_buffers(qwen, serving, cells(qwen, serving), 2).device
    assert found.low / MIB <= 2896.01 <= found.high / MIB
    assert found.expected / MIB == pytest.approx(2896.01, rel=0.02)


def test_layers_that_share_caches_have_none() -> None:
    """Of Gemma 4's E4B, 24 of 42 layers keep keys and values, 4 of them of all tokens."""
    kinds = [layer.kind for layer in shape("gemma4", GEMMA_E4B).layers]
    assert (20, 4, 18) == tuple(kinds.count(kind) for kind in (LayerKind.SLIDING, LayerKind.FULL, LayerKind.NONE))


def test_a_dense_model_of_vllm_on_two_cards() -> None:
    """A Qwen of 14 billion: beside 13.9476 GiB of weights a card, one request did not fit (vllm-project/vllm issue 13061)."""
    wide, hidden, table = 13_824, 5120, 2 * 152_064 * 5120
    matrices = hidden * (2 * 40 * 128 + 2 * 8 * 128) + 3 * hidden * wide
    layer = Layer(LayerKind.FULL, heads=40, kv_heads=8, key_width=128, value_width=128, dense_bytes=2 * matrices)
    qwen = Shape(
        "qwen2", "14B", (layer,) * 48, heads=40, embedding=hidden, vocabulary=152_064, context=131_072, feed_forward=wide,
        tables=Tables(table, table, other=2 * hidden), quantisation="BF16",
    )  # fmt: skip
    card = Pool("cuda:0", PoolKind.VRAM, "RTX 4090", 24 << 30, 24 << 30, 23 << 30)
    pair = [card, replace(card, id="cuda:1")]
    serving = VllmServing(utilisation=0.98)
    assert vllm.weights(qwen, serving, 2).expected / GIB == pytest.approx(13.9476, rel=0.02)
    token = 48 * 4 * 256 * 2
    assert 81_536 == vllm.kv_capacity_tokens(qwen, serving, pair, 81_536 * token)
    assert vllm.wanted_kv(qwen, serving, pair).low == 131_072 * token > 8.69 * GIB


def test_a_hybrid_of_vllm_on_two_cards() -> None:
    """4.99 GiB a card of fp8 cache hold 302,921 tokens of Qwen3.8-27B (mitchross/talos-argocd-proxmox pull request 1995)."""
    card = Pool("cuda:0", PoolKind.VRAM, "RTX 3090", 24 << 30, 24 << 30, 23 << 30)
    pair = [card, replace(card, id="cuda:1")]
    serving = VllmServing(context=131_072, slots=2, kv_type="fp8")
    found = vllm.kv_capacity_tokens(shape("qwen35", QWEN_27B), serving, pair, int(4.99 * GIB))
    assert found == pytest.approx(302_921, rel=0.01)


DEEPSEEK_V4 = keys(
    43, 4096, 64, 1, attention__key_length=512, attention__value_length=512, attention__sliding_window=128,
    attention__compress_ratios=[0, *([4, 128] * 21)], attention__indexer__head_count=64, attention__indexer__key_length=128,
)  # fmt: skip
MINIMAX_M3 = keys(
    60, 6144, 64, 4, attention__key_length=128, attention__value_length=128, attention__indexer__head_count=4,
    attention__indexer__key_length=128, leading_dense_block_count=3,
)  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "numbers", "serving", "failed"),
    [
        ("deepseek4", DEEPSEEK_V4, Serving(512_000, 1, ubatch=2048, batch=4096, flash="on", build=9988), 130_527.19),
        ("minimax-m3", MINIMAX_M3, Serving(50_000, 1, unified=False, ubatch=2048, flash="on"), 51_748.72),
    ],
)
def test_scores_of_an_indexer_are_reckoned_with(
    architecture: str, numbers: dict[str, Any], serving: Serving, failed: float
) -> None:
    """Both allocations failed: llama.cpp issue 25468 and pull request 26297."""
    known = shape(architecture, numbers)
    found = compute_buffers(known, serving, cells(known, serving), 1, fused=True).device
    assert failed <= found.high / MIB <= failed * 1.05


def test_a_kernel_for_an_indexer_spares_its_scores() -> None:
    """Current builds have one for CUDA, and none for other devices."""
    known, serving = shape("deepseek4", DEEPSEEK_V4), Serving(131_072, 1, flash="on", build=11_549)
    with_it, without = (
        compute_buffers(known, serving, cells(known, serving), 1, fused=fused).device.high for fused in (True, False)
    )
    assert without - with_it == (2 * 64 + 4) * (131_072 // 4) * 512 * 4


def test_an_indexer_that_chooses_blocks_keeps_a_pooled_key_beside_each() -> None:
    """Current builds of llama.cpp no longer have the values that nothing read (pull request 28330), but a pooled key."""
    known = shape("qwen4exp", QWEN_FLASH_NEXT)
    assert caches(known, Serving(262_144, 1, build=11_549)).full == 262_144 * 12 * 2 * (2 * 2 * 256 + 2 * 128)


@pytest.mark.parametrize(
    ("source", "architecture", "numbers", "serving", "cards", "logged"),
    [
        ("llama.cpp 22673", "qwen35moe", QWEN_35B_MOE, Serving(131_072, 1, build=9200), 1, 493.0),
        ("logdetective 106", "llama", MISTRAL_7B, Serving(32_768, 1, flash="off", build=4400), 1, 2144.0),
        ("logdetective 106", "llama", MISTRAL_7B, Serving(2048, 1, flash="off", build=4400), 1, 164.0),
        ("toolchest 165", "qwen35moe", QWEN_35B_MOE, Serving(32_768, 1, flash="off", build=10_660), 4, 5.23 * 1024),
    ],
)
def test_a_compute_buffer_is_what_the_log_shows(
    source: str, architecture: str, numbers: dict[str, Any], serving: Serving, cards: int, logged: float
) -> None:
    """To 4 % of the expected value, all cards together, from pull requests of several projects."""
    known = shape(architecture, numbers)
    found = compute_buffers(known, serving, cells(known, serving), cards, fused=True).device
    assert found.expected * cards / MIB == pytest.approx(logged, rel=0.04), source
    assert found.low * cards <= logged * MIB <= found.high * cards


@pytest.mark.parametrize(("flash", "logged"), [("on", 4.87), ("off", 23.87)])
def test_scores_by_which_blocks_are_chosen_are_reckoned_with(flash: str, logged: float) -> None:
    """Four cards, 32,768 tokens in steps of 1,024, in GiB: tmac1973/llama-toolchest pull request 165."""
    known = shape("qwen4exp", QWEN_FLASH_NEXT)
    serving = Serving(32_768, 1, ubatch=1024, flash=flash, build=10_660)
    found = compute_buffers(known, serving, cells(known, serving), 4, fused=True).device
    assert found.low * 4 <= logged * GIB <= found.high * 4
    assert found.expected * 4 / GIB == pytest.approx(logged, rel=0.15)
