"""Bytes of a GGUF tensor table by where engines place them: input and output tables, layers, and the layers' experts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from hostd.domain.shape import Tables
from hostd.planning.formats.gguf import GgufTensor

_INPUT = {"token_embd", "token_embd_norm", "position_embd", "token_types"}
_LAYER_INPUT = {"per_layer_token_embd"}
_EXPERTS = re.compile("ffn_(up|down|gate|gate_up)_(ch)?exps")
"""Tensors that the engine keeps on the host with ``--n-cpu-moe``: its own pattern."""
_OUTPUT = {"output", "cls", "cls.output", "dense_2", "dense_3"}


@dataclass(slots=True)
class TensorGroups:
    """Bytes per group; *dense* and *experts* by layer number. *vocabulary* is the token table's number of rows."""

    dense: dict[int, int] = field(default_factory=dict)
    experts: dict[int, int] = field(default_factory=dict)
    token_embedding: int = 0
    layer_embedding: int = 0
    output: int = 0
    other: int = 0
    projector: int = 0
    has_output: bool = False
    vocabulary: int = 0
    by_type: dict[str, int] = field(default_factory=dict)

    @property
    def tables(self) -> Tables:
        """Bytes of the tensors outside all layers."""
        return Tables(self.token_embedding, self.output, self.layer_embedding, self.other)


def group(tensors: Iterable[GgufTensor]) -> TensorGroups:
    """Return the bytes of *tensors* by group; GGUF prescribes the names that tell the group."""
    groups = TensorGroups()
    for tensor in tensors:
        _add(groups, tensor)
        groups.by_type[tensor.type.name] = groups.by_type.get(tensor.type.name, 0) + tensor.bytes
    return groups


def _add(groups: TensorGroups, tensor: GgufTensor) -> None:
    stem, _, rest = tensor.name.partition(".")
    number, _, part = rest.partition(".")
    if stem == "blk" and number.isascii() and number.isdigit() and len(number) < 5:
        layers = groups.experts if _EXPERTS.match(part) else groups.dense
        layers[int(number)] = layers.get(int(number), 0) + tensor.bytes
    elif stem in ("v", "mm", "a", "resampler"):
        groups.projector += tensor.bytes
    elif stem in _INPUT:
        groups.token_embedding += tensor.bytes
        if stem == "token_embd" and len(tensor.dims) == 2:
            groups.vocabulary = tensor.dims[1]
    elif stem in _LAYER_INPUT:
        groups.layer_embedding += tensor.bytes
    elif tensor.name.removesuffix(".weight").removesuffix(".bias") in _OUTPUT:
        groups.output += tensor.bytes
        groups.has_output |= tensor.name == "output.weight"
    else:
        groups.other += tensor.bytes
