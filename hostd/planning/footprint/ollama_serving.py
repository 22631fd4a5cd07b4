"""Flags that Ollama passes to its llama-server, so that one estimator serves both.

Since version 0.30 (2026-05-29) Ollama runs every GGUF model in a stock llama-server. Ollama's own prediction is not used: it
counts neither quantised KV caches nor sliding windows nor recurrent state.
"""

from hostd.planning.footprint.llamacpp_graph import LEAN_SINCE
from hostd.planning.footprint.llamacpp_serving import CHECKPOINTS, PROMPT_CACHE, Serving

_GIB = 1 << 30
# Ollama's default context by the VRAM of the whole machine.
_CONTEXTS = ((47 * _GIB, 262_144), (23 * _GIB, 32_768), (0, 4_096))
# Ollama's micro-batch by context, smallest first.
_BATCHES = ((4_096, 512), (32_768, 1_024))
_LARGEST_BATCH = 2_048
_EMBEDDING_BATCH = 2_048

SERVED_ALONE = frozenset(
    [
        "mllama",
        "qwen3vl",
        "qwen3vlmoe",
        "qwen35",
        "qwen35moe",
        "qwen3next",
        "lfm2",
        "lfm2moe",
        "nemotron_h",
        "nemotron_h_moe",
        "nemotron_h_omni",
    ]
)
"""Families that Ollama serves with one slot, whatever it is configured for (server/sched.go)."""


def ollama_context(vram: int) -> int:
    """Return Ollama's default context in tokens on a machine with *vram* bytes on all cards together."""
    return next(context for least, context in _CONTEXTS if vram >= least)


def ollama_batch(whole: int, *, flash: str = "auto", cuda: bool = True, embeds: bool = False) -> int:
    """Return Ollama's micro-batch for a context of *whole* tokens, that of all parallel requests together (server/sched.go).

    Without flash attention a card of *cuda* gets 512 at most. If memory is short, the micro-batch is lower. A model that only
    *embeds* gets one for a whole text.
    """
    if embeds:
        return min(_EMBEDDING_BATCH, whole)
    if flash == "off" and cuda:
        return _BATCHES[0][1]
    return next((size for limit, size in _BATCHES if whole <= limit), _LARGEST_BATCH)


def ollama_serving(
    context: int,
    parallel: int = 1,
    *,
    batch: int | None = None,
    kv_type: str = "f16",
    flash: str = "auto",
    bounded: bool = False,
) -> Serving:
    """Return the flags with which Ollama serves a model with *context* tokens for each of *parallel* requests.

    Ollama multiplies the context by the requests and raises the micro-batch with the product, which doubles and quadruples
    compute buffers; *batch* is another than that of `ollama_batch` for a card with CUDA. *bounded* says that hostd starts it,
    and bounds the past prompts that it keeps.
    """
    batch = batch or ollama_batch(context * parallel, flash=flash)
    return Serving(
        context=context * parallel,
        slots=parallel,
        unified=False,
        key_type=kv_type,
        value_type=kv_type,
        flash=flash,
        batch=batch,
        ubatch=batch,
        build=LEAN_SINCE,
        cache_ram=None if bounded else PROMPT_CACHE,
        checkpoints=None if bounded else CHECKPOINTS,
        mapped=False,
    )
