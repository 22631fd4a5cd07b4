"""The flags that Ollama will pass to the llama-server that it runs, so that one planner serves both.

Since version 0.30 (2026-05-29) Ollama runs every GGUF model in a stock llama-server. Its own prediction is not used: it knows
neither quantised KV nor windows nor recurrence.
"""

from hostd.planning.footprint.llamacpp_graph import LEAN_SINCE
from hostd.planning.footprint.llamacpp_serving import Serving

_GIB = 1 << 30
# The context that it picks for all the VRAM that a machine has.
_CONTEXTS = ((47 * _GIB, 262_144), (23 * _GIB, 32_768), (0, 4_096))
# The micro-batch that it picks for a context: small ones first.
_BATCHES = ((4_096, 512), (32_768, 1_024))
_LARGEST_BATCH = 2_048


def ollama_context(vram: int) -> int:
    """Return the context that Ollama gives a model for which none is set, on a machine with that many bytes of VRAM in all."""
    return next(context for least, context in _CONTEXTS if vram >= least)


def ollama_serving(
    context: int, parallel: int = 1, *, kv_type: str = "f16", flash: str = "auto", gpu_layers: int | None = None
) -> Serving:
    """Return how Ollama serves a model with *context* tokens for each of *parallel* requests.

    The context is multiplied by the requests, and the micro-batch grows with it, which doubles and quadruples scratch memory
    (llm/llama_server.go). Without flash attention, it keeps to at most 512. Where memory is tight it goes lower.
    """
    batch = next((size for limit, size in _BATCHES if context <= limit), _LARGEST_BATCH)
    if flash == "off":
        batch = min(batch, 512)
    return Serving(
        context=context * parallel,
        slots=parallel,
        unified=False,
        key_type=kv_type,
        value_type=kv_type,
        flash=flash,
        batch=batch,
        ubatch=batch,
        gpu_layers=gpu_layers,
        build=LEAN_SINCE,
    )
