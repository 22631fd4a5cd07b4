"""Machines and models of public reports, planned as their owners would plan them, against what the reports measured."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.recorded import Ran
from tests.planning.stub import model

GIB, MIB = 2**30, 2**20
Tensors = list[tuple[str, tuple[int, ...], str]]
Told = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def told(hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Told:
    """Run a plan without a daemon or a hub; return its exit code and what it says of its one model."""
    monkeypatch.setenv("HOSTD_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def invoke(*argv: object) -> tuple[int, dict[str, Any]]:
        ran = hostd("plan", *map(str, argv), "--json")
        return ran.code, json.loads(ran.out)["models"][0]

    return invoke


def machine(folder: Path, card_mib: int, ram_gib: int) -> Path:
    """Describe a machine with one NVIDIA card, as `inventory --json` does."""
    card = {"id": "cuda:0", "kind": "vram", "name": "a card", "total_bytes": card_mib * MIB}
    ram = {"id": "ram", "kind": "ram", "name": "Main memory", "total_bytes": ram_gib * GIB}
    pools = [
        card | {"free_bytes": card_mib * MIB, "budget_bytes": (card_mib - 1024) * MIB},
        ram | {"free_bytes": ram_gib * GIB, "budget_bytes": (ram_gib - 4) * GIB},
    ]
    path = folder / "machine.json"
    path.write_text(json.dumps({"host": {"os": "Linux", "cpu": "x86_64", "ram_bytes": ram_gib * GIB}, "pools": pools}))
    return path


def experts(wide: int, inner: int, count: int, kind: str, layer: int) -> Tensors:
    """Return the experts of one layer."""
    dims = {"gate": (wide, inner, count), "up": (wide, inner, count), "down": (inner, wide, count)}
    return [(f"blk.{layer}.ffn_{name}_exps.weight", shape, kind) for name, shape in dims.items()]


def gpt_oss(path: Path, layers: int, count: int, architecture: str = "gpt-oss") -> Path:
    """Write the header of gpt-oss, of 20 or 120 billion parameters."""
    tensors: Tensors = [(name, (2880, 201_088), "q8_0") for name in ("token_embd.weight", "output.weight")]
    for at in range(layers):
        dims = {"q": (2880, 4096), "k": (2880, 512), "v": (2880, 512), "output": (4096, 2880)}
        tensors += [(f"blk.{at}.attn_{name}.weight", shape, "q8_0") for name, shape in dims.items()]
        tensors += experts(2880, 2880, count, "mxfp4", at)
    path.write_bytes(
        model(
            architecture, tensors, block_count=layers, context_length=131_072, embedding_length=2880,
            feed_forward_length=2880, vocab_size=201_088, attention__head_count=64, attention__head_count_kv=8,
            attention__key_length=64, attention__value_length=64, attention__sliding_window=128, expert_count=count,
            expert_used_count=4, expert_feed_forward_length=2880,
        )
    )  # fmt: skip
    return path


ATTENDS = [*map(int, "11111100111011111111111111111111111111111100000000001000000000000000000111111111")]
WIDTHS = (
    [2.625] + [5.25] * 5 + [2.625] * 2 + [5.25] * 3 + [3.28125] + [5.25] * 30
    + [1.3125, 2.625, 2.625, 1.3125, 5.25, 1.3125, 2.625, 1.3125, 1.3125, 1.3125, 5.25, 1.3125, 1.0, 1.0, 1.3125]
    + [1.0, 1.0, 1.0, 1.3125, 1.3125, 0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 1.0, 0.5, 0.5] + [5.25] * 9
)  # fmt: skip


def nemotron_49b(path: Path) -> Path:
    """Write the header of Llama-3.3-Nemotron-Super-49B in Q6_K: 49 of its 80 layers attend, and each has a width of its own."""
    wide, inner = 8192, [-(-int(2 * factor * 8192 / 3) // 256) * 256 for factor in WIDTHS]
    tensors: Tensors = [(name, (wide, 128_256), "q8_0") for name in ("token_embd.weight", "output.weight")]
    for at, attends in enumerate(ATTENDS):
        dims = {"attn_q": (wide, 8192), "attn_k": (wide, 1024), "attn_v": (wide, 1024), "attn_output": (8192, wide)}
        tensors += [(f"blk.{at}.{name}.weight", shape, "q6_K") for name, shape in dims.items() if attends]
        fed = {"ffn_gate": (wide, inner[at]), "ffn_up": (wide, inner[at]), "ffn_down": (inner[at], wide)}
        tensors += [(f"blk.{at}.{name}.weight", shape, "q6_K") for name, shape in fed.items()]
    path.write_bytes(
        model(
            "deci", tensors, block_count=80, context_length=131_072, embedding_length=wide, feed_forward_length=inner,
            attention__head_count=[64 * each for each in ATTENDS], attention__head_count_kv=[8 * each for each in ATTENDS],
            attention__key_length=128, attention__value_length=128, vocab_size=128_256,
        )
    )  # fmt: skip
    return path


def qwen_122b(path: Path) -> Path:
    """Write the header of Qwen3.5-122B-A10B with experts in Q4_K."""
    wide, vocabulary = 3072, 248_320
    tensors: Tensors = [
        ("token_embd.weight", (wide, vocabulary), "q4_K"),
        ("output.weight", (wide, vocabulary), "q6_K"),
    ]
    for at in range(48):
        full = {"attn_q": (wide, 16_384), "attn_k": (wide, 512), "attn_v": (wide, 512), "attn_output": (8192, wide)}
        linear = {"attn_qkv": (wide, 12_288), "attn_gate": (wide, 8192), "ssm_out": (8192, wide)}
        shared = {"ffn_gate_shexp": (wide, 1024), "ffn_up_shexp": (wide, 1024), "ffn_down_shexp": (1024, wide)}
        dims = (linear if (at + 1) % 4 else full) | shared
        tensors += [(f"blk.{at}.{name}.weight", shape, "q8_0") for name, shape in dims.items()]
        tensors += experts(wide, 1024, 256, "q4_K", at)
    path.write_bytes(
        model(
            "qwen35moe", tensors, block_count=48, context_length=262_144, embedding_length=wide, vocab_size=vocabulary,
            attention__head_count=32, attention__head_count_kv=2, attention__key_length=256, attention__value_length=256,
            expert_count=256, expert_used_count=8, expert_feed_forward_length=1024, full_attention_interval=4,
            ssm__conv_kernel=4, ssm__inner_size=8192, ssm__state_size=128, ssm__group_count=16, ssm__time_step_rank=64,
        )
    )  # fmt: skip
    return path


@pytest.mark.parametrize("context", [30_000, 65_536])
def test_layers_of_unequal_size_lie_whole_on_two_cards(tmp_path: Path, told: Told, context: int) -> None:
    """llama.cpp's own split put 27,419 and 12,915 MiB of weights on two cards of 32 GB, and too much on one (llama.cpp 14752)."""
    code, found = told(nemotron_49b(tmp_path / "m.gguf"), "--host", "2xrtx5090", "--ctx", context, "--slots", 1)
    assert (0, "fits") == (code, found["verdict"])
    assert "in part" not in found["why"]
    assert 27_419 + 12_915 == pytest.approx(found["components"]["weights"] / MIB, rel=0.025)
    one, other = (found["pool_bytes"][f"cuda:{at}"]["high"] for at in (0, 1))
    assert max(one, other) < 1.1 * min(one, other)


@pytest.mark.parametrize(
    "flags", [{}, {"tensor-split": "36,13"}, {"tensor-split": "36,13", "gpu-layers": 99}], ids=["none", "split", "both"]
)
def test_experts_on_the_cpu_and_the_rest_dealt_to_two_cards_by_bytes(
    tmp_path: Path, told: Told, flags: dict[str, Any]
) -> None:
    """With equal shares card 1 was asked for 35,378 MiB; the owner's 36 to 13 ran (ik_llama.cpp 1464)."""
    args = {"n-cpu-moe": 24, "ubatch-size": 2048, **flags}
    variants = [{"backend": "llamacpp", "path": str(qwen_122b(tmp_path / "m.gguf"))}]
    folder = tmp_path / "config/hostd/model_profiles"
    folder.mkdir(parents=True)
    (folder / "m.yaml").write_text(
        yaml.safe_dump({"name": "m", "variants": variants, "context": 65_536, "slots": 1, "args": args})
    )
    code, found = told("m", "--host", "2xrtx3090")
    assert (0, "fits") == (code, found["verdict"])
    assert all(found["pool_bytes"][f"cuda:{at}"]["high"] < 24 * GIB for at in (0, 1))


def test_what_an_engine_may_keep_costs_no_model_its_place(tmp_path: Path, told: Told) -> None:
    """Gemma 4 26B runs on a card of 24 GB beside 16 GiB of main memory, though checkpoints could fill it (ollama 16744)."""
    code, found = told("gemma4-26b", "--host", machine(tmp_path, 24_564, 16))
    assert (0, "fits") == (code, found["verdict"])


def test_the_name_that_ollama_gives_an_architecture_is_known(tmp_path: Path, told: Told) -> None:
    """Two requests of 131,072 tokens of gpt-oss-120b: 9,306 MiB of cache (ollama 16416)."""
    path = gpt_oss(tmp_path / "m.gguf", 36, 128, "gptoss")
    code, found = told(path, "--backend", "ollama", "--host", "h100", "--ctx", 262_144, "--slots", 2)
    assert (0, "fits") == (code, found["verdict"])
    assert 9306 == pytest.approx(found["components"]["kv"] / MIB, rel=0.02)


def test_experts_go_to_the_cpu_before_layers_do(tmp_path: Path, told: Told) -> None:
    """gpt-oss-20b on an RTX 2080: 36.4 tokens a second with the experts of 12 of 24 layers on the CPU (AlexsJones/llmfit 775)."""
    path = gpt_oss(tmp_path / "m.gguf", 24, 32)
    code, found = told(path, "--host", machine(tmp_path, 8192, 32), "--ctx", 4096, "--slots", 1)
    assert (0, "fits") == (code, found["verdict"])
    moved = re.search(r"n-cpu-moe (\d+)", found["why"])
    speed = re.search(r"about (\d+) tokens a second", found["why"])
    assert moved is not None
    assert speed is not None
    assert int(moved[1]) in range(11, 15)
    assert 36.4 == pytest.approx(int(speed[1]), rel=0.2)
