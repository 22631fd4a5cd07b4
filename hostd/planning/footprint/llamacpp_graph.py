"""Compute buffers of llama.cpp's graph, as bounds.

The engine reserves the peak of a graph for the largest micro-batch. Recorded logs show the peak at attention's score matrix
(without flash attention), the feed-forward part, or the logits, whichever is largest, plus the masks. The span covers the
differences between builds.
"""

from dataclasses import dataclass

from hostd.domain.footprint import Span
from hostd.domain.shape import LayerKind, Shape
from hostd.planning.footprint.llamacpp_kv import KvCells
from hostd.planning.footprint.llamacpp_serving import Serving

# Since this build, masks are half as wide and a server has logits only of the tokens that it samples from
# (llama.cpp pull requests 23764 and 23861, at the end of May 2026).
LEAN_SINCE = 9450
# By this build, CUDA devices have a kernel for the scores of a lightning indexer; build 9988 had none (llama.cpp issue 25468).
INDEXED_SINCE = 10_500
_SCORED_UNFUSED = {"minimax-m3"}
# Indexers that choose whole blocks have a graph of their own, and make a mask of what they chose.
_CHOOSING_BLOCKS = {"glm5-next", "qwen4exp"}
# Copies of the inputs that a pipeline over several devices has in flight.
PIPELINE = 4
_FLOAT = 4
_USUAL_BATCH = 512


@dataclass(frozen=True, slots=True)
class ComputeBuffers:
    """Bytes of compute buffers: of each device with layers, of the host beside them, and of a host with all layers (*alone*)."""

    device: Span
    host: Span
    alone: Span


def compute_buffers(
    shape: Shape, serving: Serving, cells: KvCells, devices: int, *, fused: bool = False
) -> ComputeBuffers:
    """Return the compute buffers of a model whose layers are spread over that many *devices*.

    *fused* says that all of them have kernels for gated delta nets and for indexers: CUDA devices do.
    """
    rows, flash = serving.micro_batch(shape), serving.flash_attention(shape)
    lean, outputs = serving.build is None or serving.build >= LEAN_SINCE, _outputs(shape, serving)
    stream = rows * shape.embedding * _FLOAT
    mask = _mask_cells(shape, cells) * rows
    narrow, wide = mask * 2, mask * _FLOAT
    masks = (narrow if lean else narrow + wide) if flash else wide
    copies = PIPELINE if devices > 1 else 1
    in_flight = masks * copies + _chosen_blocks(shape, cells, copies) * rows * _FLOAT
    work = max(_feed_forward(shape), _attention(shape, flash=flash)) * rows * _FLOAT
    scores = 0 if flash else shape.heads * cells.full * rows * _FLOAT
    logits = shape.vocabulary * outputs * _FLOAT + 3 * stream
    # Attention without a fused kernel holds its scores beside four copies of the stream, and no feed-forward part.
    peak = max(work + in_flight, _scored(shape, scores, stream, rows) + in_flight if scores else 0, logits)
    lacking = not fused or serving.build is None or serving.build < LEAN_SINCE
    unfused = _unfused_recurrence(shape) * rows * _FLOAT + in_flight if lacking else 0
    most = max(peak * 5 // 4, unfused)
    current = serving.build is None or serving.build >= INDEXED_SINCE
    scored = not (fused and current) and shape.architecture not in _CHOOSING_BLOCKS
    if scored or shape.architecture in _SCORED_UNFUSED:
        most += _index_scores(shape, cells) * rows * _FLOAT
    if serving.build is None:
        most = max(most, work + narrow + wide, shape.vocabulary * rows * _FLOAT + 3 * stream)
    inputs = (narrow if lean and flash and serving.build is not None else wide) + 2 * stream
    alone = max(peak, masks + logits) + 2 * stream
    return ComputeBuffers(
        device=Span(min(peak, work + masks, peak * 9 // 10), peak, most),
        host=Span(inputs // 2, inputs, max(wide + 2 * stream, inputs) * copies * 5 // 4),
        alone=Span(alone * 9 // 10, alone, max(alone, most + wide) + 2 * stream),
    )


def _outputs(shape: Shape, serving: Serving) -> int:
    """Return the tokens whose logits the graph reserves; for a build that is not known, a usual micro-batch at most."""
    rows, sampled = serving.micro_batch(shape), serving.outputs(shape)
    if serving.build is None:
        return max(sampled, min(rows, _USUAL_BATCH))
    return sampled if serving.build >= LEAN_SINCE else rows


def _mask_cells(shape: Shape, cells: KvCells) -> int:
    full = cells.full if shape.count(LayerKind.FULL) or shape.encoder else 0
    return full + (cells.sliding if shape.count(LayerKind.SLIDING) else 0)


def _feed_forward(shape: Shape) -> int:
    """Return the elements per token of a feed-forward part at its peak."""
    dense = 3 * shape.feed_forward + 2 * shape.embedding
    experts = 0
    if shape.experts_used:
        # Either the inner vectors of every chosen expert, or their outputs before the sum, next to the stream's copies.
        inner = 3 * shape.expert_feed_forward
        outputs = (shape.experts_used + 3) * shape.embedding + inner
        experts = max(inner * shape.experts_used + 2 * shape.embedding, outputs)
        dense = dense if any(layer.expert_bytes == 0 for layer in shape.layers) else 0
    # Gemma also normalises after its blocks, which takes two more copies of the stream.
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


def _index_scores(shape: Shape, cells: KvCells) -> int:
    """Return the elements per token of an indexer's scores where no kernel fuses them.

    They are those of each head for every key, a copy of them, and four rows for masks and for the choice. Two allocations that
    failed measure it: 51,748.72 MiB of MiniMax M3 (llama.cpp pull request 26297), and 130,527.19 of DeepSeek V4 (issue 25468),
    where the formula gives 51,744 and 132,000.
    """
    keys = max((cells.full // max(1, layer.compress_ratio) for layer in shape.layers if layer.index_width), default=0)
    return (2 * shape.index_heads + 4) * keys if shape.index_heads else 0


def _chosen_blocks(shape: Shape, cells: KvCells, copies: int) -> int:
    """Return the elements per token of the scores by which an indexer chooses blocks, and of as many *copies* of its mask.

    A log of Qwen3.8-Flash-Next with 32,768 tokens in steps of 1,024 has 4.87 GiB of buffers on four cards, where 5.5 come out with
    this and 1.5 without (tmac1973/llama-toolchest pull request 165).
    """
    return (shape.index_heads + copies) * cells.full if shape.architecture in _CHOOSING_BLOCKS else 0


def _unfused_recurrence(shape: Shape) -> int:
    """Return the elements per token of gated delta nets on a device without a kernel for them; source: such devices' logs."""
    return 8 * max((layer.conv_state for layer in shape.layers), default=0)
