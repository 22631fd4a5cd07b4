"""Shape of a model of which only the size is known: parameters, those active for a token, and the quantisation.

The weights follow from the parameters. Layers and widths are those of open models of about that size, so that caches and scratch
memory are of the usual order; a real header tells what they are.
"""

import re
from dataclasses import dataclass

from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint.levers import BITS
from hostd.planning.formats.safetensors import BadModel

_SIZE = re.compile(r"(?P<total>\d+(\.\d+)?)b(-a(?P<active>\d+(\.\d+)?)b)?/(?P<packing>\w+)", re.IGNORECASE)
# Four bits with scales for every 32 to 128 weights, as AWQ, GPTQ and MLX have them.
_OTHER_BITS = {"INT4": 4.5, "AWQ": 4.5, "GPTQ": 4.5, "4BIT": 4.5, "INT8": 8.5, "8BIT": 8.5, "FP8": 8.0, "FP4": 4.5}
_VOCABULARY = 151_936
_CONTEXT = 131_072
_EXPERTS, _EXPERTS_USED = 128, 8
_LARGEST = 10_000.0
# Of the parameters that are active for a token, about so much is attention, norms and shared experts.
_DENSE_OF_ACTIVE = 0.4


@dataclass(frozen=True, slots=True)
class _Typical:
    """Dense open models of about *billions* of parameters: Qwen 2.5 and 3, Llama 3."""

    billions: float
    layers: int
    embedding: int
    heads: int
    kv_heads: int
    feed_forward: int


_TYPICAL = (
    _Typical(0.6, 28, 1024, 16, 8, 3072),
    _Typical(2, 28, 2048, 16, 8, 6144),
    _Typical(4, 36, 2560, 32, 8, 9728),
    _Typical(9, 36, 4096, 32, 8, 12288),
    _Typical(14, 40, 5120, 40, 8, 17408),
    _Typical(32, 64, 5120, 64, 8, 25600),
    _Typical(72, 80, 8192, 64, 8, 29568),
    _Typical(405, 126, 16384, 128, 8, 53248),
)


def typical_shape(text: str) -> Shape:
    """Return the shape of a model called by its size: ``72B/q4_k_m``, ``400B-a17B/q4_k_m`` (17 of 400 billion active).

    Raises:
        BadModel: It is no size, or the quantisation is not known.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise BadModel(
            f"'{text}' is no size of a model; write 72B/q4_k_m, or 400B-a17B/q4_k_m for a mixture of experts"
        )
    packing = found["packing"].upper()
    bits = BITS.get(packing) or _OTHER_BITS.get(packing)
    if bits is None:
        raise BadModel(f"'{found['packing']}' is no quantisation; known are {', '.join((*BITS, *_OTHER_BITS)).lower()}")
    total, active = float(found["total"]), float(found["active"] or found["total"])
    if not 0 < active <= total <= _LARGEST:
        raise BadModel(f"'{text}' makes no sense: more than nothing, and at most all, of the parameters are active")
    return _shape(total, active, packing, int(total * 1e9 * bits / 8))


def _shape(total: float, active: float, packing: str, weights: int) -> Shape:
    # A mixture of experts is about as deep as a dense model of twice its active size.
    sparse = active < total
    wanted = min(2 * active, total) if sparse else total
    like = min(_TYPICAL, key=lambda each: max(each.billions / wanted, wanted / each.billions))
    table = int(weights * min(0.2, _VOCABULARY * like.embedding / (total * 1e9)))
    rest = weights - 2 * table
    experts = int(rest * (total - _DENSE_OF_ACTIVE * active) / total) if sparse else 0
    layer = Layer(
        LayerKind.FULL,
        heads=like.heads,
        kv_heads=like.kv_heads,
        key_width=128,
        value_width=128,
        dense_bytes=(rest - experts) // like.layers,
        expert_bytes=experts // like.layers,
    )
    return Shape(
        "typical",
        "a model of that size",
        (layer,) * like.layers,
        heads=like.heads,
        embedding=like.embedding,
        vocabulary=_VOCABULARY,
        context=_CONTEXT,
        feed_forward=0 if sparse else like.feed_forward,
        experts=_EXPERTS if sparse else 0,
        experts_used=_EXPERTS_USED if sparse else 0,
        expert_feed_forward=like.feed_forward // _EXPERTS_USED if sparse else 0,
        tables=Tables(table, table),
        quantisation=packing,
        file_bytes=weights,
    )
