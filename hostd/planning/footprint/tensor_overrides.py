"""What ``--override-tensor`` moves: tensors by their names in a model's header, or by the names that experts usually have.

The engine splits the text at each comma, looks for each pattern anywhere in a tensor's name, and the first that is found counts
(`parse_tensor_buffer_overrides` in common/arg.cpp, and llama-model-loader.cpp).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hostd.domain.shape import Shape
from hostd.planning.formats.gguf import GgufTensor
from hostd.planning.formats.gguf_tensors import group

HOST_BUFFERS = frozenset({"CPU", "CUDA_Host", "ROCm_Host", "CPU_REPACK"})
"""Buffers in the host's memory."""

_EXPERTS = ("ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight")
_OTHERS = (
    *("attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight", "attn_qkv.weight", "attn_norm.weight"),
    *("ffn_gate.weight", "ffn_up.weight", "ffn_down.weight", "ffn_gate_inp.weight", "ffn_norm.weight"),
    *("ffn_gate_shexp.weight", "ffn_up_shexp.weight", "ffn_down_shexp.weight", "ssm_out.weight", "ssm_in.weight"),
)
_TABLES = ("token_embd.weight", "output.weight", "output_norm.weight")
_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class MovedBytes:
    """Bytes of weights that go into *buffer*: those of one *layer* (None: outside of all layers), *part* by part.

    *part* is ``dense``, ``expert``, or the name of one of `Tables`.
    """

    buffer: str
    layer: int | None
    part: str
    bytes: int


def moved_bytes(text: str, tensors: Iterable[GgufTensor]) -> tuple[MovedBytes, ...] | None:
    """Return what *text* (``PATTERN=BUFFER,…``) moves of these *tensors*; None where it is none that the engine could read."""
    try:
        rules = _rules(text)
    except (re.error, ValueError):
        return None
    by_buffer: dict[str, list[GgufTensor]] = {}
    for tensor in tensors:
        if buffer := _buffer(rules, tensor.name):
            by_buffer.setdefault(buffer, []).append(tensor)
    return tuple(each for buffer, some in by_buffer.items() for each in _parts(buffer, some))


def _parts(buffer: str, tensors: Sequence[GgufTensor]) -> Iterator[MovedBytes]:
    groups = group(tensors)
    for part, layers in (("dense", groups.dense), ("expert", groups.experts)):
        for number, size in layers.items():
            yield MovedBytes(buffer, number, part, size)
    for name in ("token_embedding", "output", "layer_embedding", "other"):
        if size := getattr(groups, name):
            yield MovedBytes(buffer, None, name, size)


def experts_alone(moved: Sequence[MovedBytes], shape: Shape) -> int | None:
    """Return of how many first layers *moved* keeps all experts on the host, and nothing else; None if it does anything else."""
    if any(each.part != "expert" or each.buffer not in HOST_BUFFERS for each in moved):
        return None
    held = dict.fromkeys(range(len(shape.layers)), 0)
    for each in moved:
        if each.layer is not None:
            held[each.layer] = held.get(each.layer, 0) + each.bytes
    whole = [size == layer.expert_bytes for size, layer in zip(held.values(), shape.layers, strict=False)]
    first = max((number for number, size in held.items() if size), default=-1) + 1
    return first if all(whole[:first]) and first <= len(shape.layers) else None


def host_experts(text: str, layers: int) -> int | None:
    """Return of how many first layers *text* keeps the experts on the host by their usual names; None if it moves anything else."""
    try:
        rules = _rules(text)
    except (re.error, ValueError):
        return None
    moved = []
    for number in range(layers):
        where = {_buffer(rules, f"blk.{number}.{name}") for name in _EXPERTS}
        # Half of a layer's experts, or another device, is a placement that is not counted.
        if len(where) > 1 or where - {"", "CPU"} or any(_buffer(rules, f"blk.{number}.{name}") for name in _OTHERS):
            return None
        moved.append(where == {"CPU"})
    first = sum(moved)
    return None if any(_buffer(rules, name) for name in _TABLES) or not all(moved[:first]) else first


def _rules(text: str) -> list[tuple[re.Pattern[str], str]]:
    found = []
    for each in text.split(","):
        pattern, equals, buffer = each.partition("=")
        if not equals or len(text) > _LONGEST:
            raise ValueError(each)
        found.append((re.compile(pattern), buffer))
    return found


def _buffer(rules: list[tuple[re.Pattern[str], str]], name: str) -> str:
    return next((buffer for pattern, buffer in rules if pattern.search(name)), "")
