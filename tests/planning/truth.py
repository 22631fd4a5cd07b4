"""Measured rows of real engines, and the header that each row's model must have had."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from hostd.domain.footprint import Component, Span
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import MIB, Placement, Serving
from hostd.planning.formats.gguf import GgufHeader, parse
from hostd.planning.formats.gguf_shape import shape_of
from tests.planning.stub import stub

Row = dict[str, Any]
ROWS: list[Row] = json.loads((Path(__file__).parents[1] / "data" / "memory_truth.json").read_text())
ELSEWHERE = ("vllm", "mlx")


def rows() -> list[Row]:
    """Return the rows that llama.cpp, or a program that runs it, was measured for."""
    return [row for row in ROWS if row["arch"] and not row["backend"].lower().startswith(ELSEWHERE)]


def header(row: Row) -> GgufHeader:
    """Return the header of the row's model, parsed from bytes, with as many bytes of weights as were seen."""
    arch = row["arch"]
    name = arch.get("gguf_arch", "llama")
    keys = {f"{name}.{key}": number for key, number in numbers(row).items() if number is not None}
    parsed = parse(stub({"general.architecture": name, "general.name": row["model"], **keys}, tensors(row)))
    assert isinstance(parsed, GgufHeader)
    return parsed


def numbers(row: Row) -> dict[str, Any]:
    """Return the keys that a converter would have written for the row's model."""
    arch = row["arch"]
    if "kv_bytes_per_token" in arch:
        return {"block_count": 1, "embedding_length": 5120, "attention.head_count": 1, "attention.head_count_kv": 1,
                "attention.key_length": arch["kv_bytes_per_token"] // 4, "attention.value_length": arch["kv_bytes_per_token"] // 4,
                "feed_forward_length": 17408, "context_length": 262144}  # fmt: skip
    keys = {
        "block_count": arch["n_layer"],
        "context_length": row["ctx"] or 4096,
        "embedding_length": arch["n_embd"],
        "feed_forward_length": arch["n_ff"],
        "vocab_size": arch["n_vocab"],
        "attention.head_count": arch["n_head"],
        "attention.head_count_kv": arch["n_head_kv"],
        "attention.key_length": arch["head_dim_k"],
        "attention.value_length": arch["head_dim_v"],
        "full_attention_interval": arch.get("full_attention_interval"),
        "expert_count": arch.get("n_expert"),
        "expert_used_count": arch.get("n_expert_used"),
    }
    return keys | _recurrent(arch) | _latent(arch) | _sliding(arch)


def _recurrent(arch: Row) -> dict[str, Any]:
    state = arch.get("recurrent")
    if not state:
        return {}
    return {"ssm.conv_kernel": state["d_conv"], "ssm.inner_size": state["d_inner"], "ssm.state_size": state["d_state"],
            "ssm.group_count": state["n_group"], "ssm.time_step_rank": state["dt_rank"]}  # fmt: skip


def _latent(arch: Row) -> dict[str, Any]:
    latent = arch.get("mla")
    if not latent:
        return {}
    keys = {"attention.kv_lora_rank": latent["kv_lora_rank"], "rope.dimension_count": latent["qk_rope"]}
    return keys | (
        {"attention.key_length_mla": 192, "attention.value_length_mla": 128} if latent["cached"] == "latent" else {}
    )


def _sliding(arch: Row) -> dict[str, Any]:
    swa = arch.get("swa")
    if not swa:
        return {}
    keys: dict[str, Any] = {"attention.sliding_window": swa["window"]}
    if arch["gguf_arch"] != "gemma4":
        return keys
    period = arch["n_layer"] // swa["n_full_layers"]
    slides = [number % period != period - 1 for number in range(arch["n_layer"])]
    heads = [swa["kv_heads_swa"] if each else swa["kv_heads_full"] for each in slides]
    keys |= {
        "attention.sliding_window_pattern": slides,
        "attention.head_count_kv": heads,
        "feed_forward_length": 4 * arch["n_embd"],
    }
    for part in ("key", "value"):
        keys |= {f"attention.{part}_length": swa["head_dim_full"], f"attention.{part}_length_swa": swa["head_dim_swa"]}
    return keys


def tensors(row: Row) -> list[tuple[str, tuple[int, ...], str]]:
    """Return a tensor table that puts as many bytes on the device, and on the host, as the log says."""
    seen, arch = row["measured_mib"], row["arch"]
    device, host = (
        seen.get("model_gpu") or seen.get("model_gpu_mapped"),
        seen.get("model_cpu") or seen.get("model_host") or 0,
    )
    if not device:
        return []
    layers = arch.get("n_layer", 1)
    # The output goes to the device before any layer does.
    there = min(layers, (serving(row).gpu_layers or layers + 1) - 1)
    blocks = [(f"blk.{number}.weights", (int(device * MIB / there),), "i8") for number in range(layers - there, layers)]
    return [*blocks, ("token_embd.weight", (int(host * MIB),), "i8"), ("output.weight", (0,), "i8")]


def serving(row: Row) -> Serving:
    """Return the flags of the row's engine."""
    layers = re.match(r"(\d+)/\d+", row["offload"])
    flash = {True: "on", False: "off"}.get(row["flash_attn"], "auto")
    return Serving(
        context=row["ctx"] or 0,
        slots=row["parallel"],
        unified=bool(row["kv_unified"]),
        key_type=row["kv_dtype_k"],
        value_type=row["kv_dtype_v"],
        flash=flash,
        batch=max(2048, row["n_ubatch"] or 0),
        ubatch=row["n_ubatch"] or 512,
        rollback=row.get("n_rs_seq") or 0,
        gpu_layers=int(layers[1]) if layers else None,
        build=build(row["backend"]),
    )


def build(engine: str) -> int | None:
    """Return llama.cpp's build number as a log's first lines tell it, or one of the time that they tell."""
    if stated := re.search(r"\bb(\d{4,5})\b", engine):
        return int(stated[1])
    if re.search(r"\b2024|2025\b", engine):
        return 6000
    return 10000 if re.search(r"(Jun|Jul|Aug|Sep) 2026|Ollama 0\.3\d", engine) else None


@dataclass(frozen=True)
class Comparison:
    """One predicted quantity beside the measured one, in MiB."""

    row: str
    what: str
    predicted: Span
    measured: float
    build_known: bool

    @property
    def error(self) -> float:
        """How far the expected value is off, in percent of the measured one; negative where it is too little."""
        return (self.predicted.expected / MIB / self.measured - 1) * 100


# Filled while the tests run, for the table at the end.
COMPARED: dict[tuple[str, str], Comparison] = {}


def compare(row: Row) -> list[Comparison]:
    """Return what can be compared of a row: its scratch memory, and what its devices hold in all."""
    seen, shape = row["measured_mib"], shape_of(header(row))
    flags = serving(row)
    cpu = row["backend"].endswith("CPU")
    device = ("cuda:0", "cuda:1") if "compute_gpu1" in seen else () if cpu else ("cuda:0",)
    planned = footprint(shape, flags, Placement.on(*device))
    known = flags.build is not None
    found = []
    for what, pool in (
        ("compute_gpu", "cuda:0"),
        ("compute_gpu0", "cuda:0"),
        ("compute_gpu1", "cuda:1"),
        ("compute_host", "ram"),
    ):
        if what in seen:
            found.append(Comparison(row["id"], what, planned.parts[pool][Component.COMPUTE], seen[what], known))
    total = _device_total(seen)
    if total and device:
        taken = sum((planned.pool(pool) for pool in device), Span())
        if "process_total" not in seen:
            drivers = [planned.parts[pool].get(Component.OVERHEAD, Span()) for pool in device]
            taken = Span(
                *(
                    getattr(taken, end) - sum(getattr(each, end) for each in drivers)
                    for end in ("low", "expected", "high")
                )
            )
        found.append(Comparison(row["id"], "device total", taken, total, known))
    COMPARED.update({(each.row, each.what): each for each in found})
    return found


def _device_total(seen: Row) -> float | None:
    weights, scratch = seen.get("model_gpu") or seen.get("model_gpu_mapped"), seen.get("compute_gpu")
    if "process_total" in seen:
        return float(seen["process_total"]) if weights else None
    kept = seen.get("kv_gpu", seen.get("kv"))
    return weights + kept + seen.get("rs_gpu", seen.get("rs", 0)) + scratch if weights and scratch and kept else None


def comparable() -> list[Row]:
    """Return the rows of stock llama.cpp whose every flag is known; another program's graphs are its own."""
    known = [row for row in rows() if row["ctx"] and row["n_ubatch"] and row["offload"] != "partial"]
    return [row for row in known if "ik_llama" not in row["backend"]]


def table() -> Iterator[str]:
    """Yield the lines of a table of all comparisons, and the medians."""
    yield "Weights are as logged; caches, scratch memory and what drivers take are predicted (MiB; *: the build is not known)."
    yield f"{'row':32} {'what':13} {'low':>8} {'expected':>9} {'high':>8} {'measured':>9}  error"
    for each in sorted(COMPARED.values(), key=lambda each: (each.what, each.row)):
        low, expected, high = (
            count / MIB for count in (each.predicted.low, each.predicted.expected, each.predicted.high)
        )
        mark = "" if each.build_known else " *"
        yield f"{each.row:32} {each.what:13} {low:8.1f} {expected:9.1f} {high:8.1f} {each.measured:9.1f} {each.error:+6.1f} %{mark}"
    for what in sorted({each.what for each in COMPARED.values()}):
        errors = [each.error for each in COMPARED.values() if each.what == what]
        worst = f"from {min(errors):+.1f} % to {max(errors):+.1f} %"
        yield f"{what}: median of the absolute error {median(map(abs, errors)):.1f} % over {len(errors)} rows, {worst}"
