"""Measured rows of vLLM and MLX, and the shape that each row's model must have had, with weights counted from its widths."""

from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint.llamacpp_serving import MIB
from tests.planning.truth import ROWS, Row

# What the rows do not say of their models: feed-forward width, trained context, whether input and output are one table.
_FEED_FORWARD = {"gpt-oss": 2880, "qwen3moe": 1536, "qwen35moe": 512, "deepseek2": 2048}
_TRAINED = {
    "Llama-3.1-8B": 131072,
    "Llama-3.3-70B": 131072,
    "gpt-oss": 131072,
    "Qwen3-": 40960,
    "Qwen2.5": 32768,
    "Qwen3.6": 262144,
    "DeepSeek": 163840,
}
_EXPERTS = {"gpt-oss-20b": 32, "gpt-oss-120b": 128}


def rows(engine: str) -> list[Row]:
    """Return the rows that *engine* was measured for."""
    return [row for row in ROWS if row["backend"].lower().startswith(engine)]


def shape(row: Row) -> Shape:
    """Return the shape of the row's model."""
    arch = row["arch"]
    family, hidden = arch["gguf_arch"], arch["n_embd"]
    experts = next((count for name, count in _EXPERTS.items() if name in row["model"]), 0)
    wide = arch["n_ff"] or _FEED_FORWARD.get(family, 0)
    tied = "0.5B" in row["model"]
    table = 2 * arch["n_vocab"] * hidden
    layers = tuple(_layer(row, number, wide, experts) for number in range(arch["n_layer"]))
    return Shape(
        architecture=family,
        name=row["model"],
        layers=layers,
        heads=arch["n_head"],
        embedding=hidden,
        vocabulary=arch["n_vocab"],
        context=next((tokens for name, tokens in _TRAINED.items() if name in row["model"]), 32768),
        feed_forward=wide,
        experts=experts,
        window=arch.get("swa", {}).get("window", 0),
        tied=tied,
        tables=Tables(token_embedding=table, output=0 if tied else table, other=2 * hidden),
        quantisation=row["quant"],
    )


def _layer(row: Row, number: int, wide: int, experts: int) -> Layer:
    arch = row["arch"]
    hidden, heads, kv_heads = arch["n_embd"], arch["n_head"], arch["n_head_kv"]
    key, value = arch["head_dim_k"], arch["head_dim_v"]
    attention = hidden * (2 * heads * key + kv_heads * (key + value))
    matrix = 3 * hidden * wide
    width = 1 if row["quant"] == "FP8" else 2
    dense = width * (attention + (0 if experts else matrix))
    weights = {"dense_bytes": dense, "expert_bytes": matrix * experts * 17 // 32}
    if "mla" in arch:
        latent = arch["mla"]["kv_lora_rank"] + arch["mla"]["qk_rope"]
        return Layer(LayerKind.FULL, heads, 1, latent, 0, **weights)
    if "recurrent" in arch and (number + 1) % arch["full_attention_interval"]:
        state = arch["recurrent"]
        conv = (state["d_conv"] - 1) * (state["d_inner"] + 2 * state["n_group"] * state["d_state"])
        return Layer(LayerKind.RECURRENT, heads, conv_state=conv, state=state["d_state"] * state["d_inner"], **weights)
    kind = LayerKind.SLIDING if "swa" in arch and number % 2 == 0 else LayerKind.FULL
    return Layer(kind, heads, kv_heads, key, value, **weights)


def report(row: Row, what: str, predicted: float, measured: float) -> float:
    """Print one predicted quantity (MiB, or tokens) beside the measured one, and return the error in percent."""
    error = (predicted / measured - 1) * 100
    print(f"{row['id']:50} {what:16} {predicted:12.1f} {measured:12.1f} {error:+7.2f} %")  # noqa: T201 - shown by pytest -rP
    return error


def mib(count: int) -> float:
    """Return bytes as MiB."""
    return count / MIB
