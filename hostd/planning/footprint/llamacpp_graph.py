"""How much scratch memory llama.cpp's graph needs while it computes: bounds, not promises.

The engine lays out each graph for the largest micro-batch and reserves the peak. These are the peaks that recorded logs show:
attention's score matrix where flash attention is off, the feed-forward part, or the logits, whichever is largest, plus the
masks. Builds differ; that is what the span is for.
"""

from dataclasses import dataclass

from hostd.domain.footprint import Span
from hostd.domain.shape import LayerKind, Shape
from hostd.planning.footprint.llamacpp_kv import KvCells
from hostd.planning.footprint.llamacpp_serving import Serving

# Since this build, masks are half as wide and a server keeps logits only of the tokens that it will sample from
# (llama.cpp pull requests 23764 and 23861, at the end of May 2026).
LEAN_SINCE = 9450
# Inputs that a pipeline over several devices keeps in flight.
PIPELINE = 4
_FLOAT = 4
_USUAL_BATCH = 512


@dataclass(frozen=True, slots=True)
class ComputeBuffers:
    """Bytes of scratch memory: on each device that has layers, on the host beside them, and on a host that has all layers."""

    device: Span
    host: Span
    alone: Span


def compute_buffers(shape: Shape, serving: Serving, free: KvCells, devices: int) -> ComputeBuffers:
    """Return the scratch memory of a model's graph when its layers are spread over that many *devices*."""
    rows, flash = serving.micro_batch(shape), serving.flash_attention(shape)
    lean, outputs = serving.build is None or serving.build >= LEAN_SINCE, _outputs(shape, serving)
    stream = rows * shape.embedding * _FLOAT
    mask = _mask_cells(shape, free) * rows
    narrow, wide = mask * 2, mask * _FLOAT
    masks = (narrow if lean else narrow + wide) if flash else wide
    in_flight = masks * (PIPELINE if devices > 1 else 1)
    work = max(_feed_forward(shape), _attention(shape, flash=flash)) * rows * _FLOAT
    scores = 0 if flash else shape.heads * free.full * rows * _FLOAT
    logits = shape.vocabulary * outputs * _FLOAT + 3 * stream
    # Attention without kernels of its own holds its scores beside four copies of the stream, and none of the feed-forward part.
    peak = max(work + in_flight, _scored(shape, scores, stream, rows) + in_flight if scores else 0, logits)
    unfused = _unfused_recurrence(shape) * rows * _FLOAT + in_flight
    most = max(peak * 5 // 4, unfused)
    if serving.build is None:
        most = max(most, work + narrow + wide, shape.vocabulary * rows * _FLOAT + 3 * stream)
    inputs = (narrow if lean and flash and serving.build is not None else wide) + 2 * stream
    alone = max(peak, masks + logits) + 2 * stream
    return ComputeBuffers(
        device=Span(min(peak, work + masks, peak * 9 // 10), peak, most),
        host=Span(inputs // 2, inputs, max(wide + 2 * stream, inputs) * (PIPELINE if devices > 1 else 1) * 5 // 4),
        alone=Span(alone * 9 // 10, alone, max(alone, most + wide) + 2 * stream),
    )


def _outputs(shape: Shape, serving: Serving) -> int:
    """Tokens whose logits the graph has room for; a build that is not known is trusted half way: a usual micro-batch of them."""
    rows, sampled = serving.micro_batch(shape), serving.outputs(shape)
    if serving.build is None:
        return max(sampled, min(rows, _USUAL_BATCH))
    return sampled if serving.build >= LEAN_SINCE else rows


def _mask_cells(shape: Shape, free: KvCells) -> int:
    full = free.full if shape.count(LayerKind.FULL) or shape.encoder else 0
    return full + (free.sliding if shape.count(LayerKind.SLIDING) else 0)


def _feed_forward(shape: Shape) -> int:
    """Elements per token that a feed-forward part holds at its peak."""
    dense = 3 * shape.feed_forward + 2 * shape.embedding
    experts = 0
    if shape.experts_used:
        # Either every chosen expert's inner vectors, or their outputs before they are summed, next to the stream's copies.
        inner = 3 * shape.expert_feed_forward
        outputs = (shape.experts_used + 3) * shape.embedding + inner
        experts = max(inner * shape.experts_used + 2 * shape.embedding, outputs)
        dense = dense if any(layer.expert_bytes == 0 for layer in shape.layers) else 0
    # Gemma normalises after its blocks too, which holds two more copies.
    return max(dense, experts) + (2 * shape.embedding if shape.architecture.startswith("gemma") else 0)


def _attention(shape: Shape, *, flash: bool) -> int:
    widest = max((layer.heads * layer.key_width for layer in shape.layers), default=0)
    return 2 * shape.embedding + (2 * widest if flash else 0)


def _scored(shape: Shape, scores: int, stream: int, rows: int) -> int:
    unpacked = 0
    if shape.latent and not shape.latent_cached:
        # The latent is unpacked into keys and values for all heads, and both are copied to be joined.
        unpacked = 2 * max((layer.heads * (layer.key_width + layer.value_width) for layer in shape.layers), default=0)
    return scores + 4 * stream + unpacked * rows * _FLOAT


def _unfused_recurrence(shape: Shape) -> int:
    """Elements per token of gated delta nets where the device lacks a kernel for them, as logs of such devices show."""
    return 8 * max((layer.conv_state for layer in shape.layers), default=0)
