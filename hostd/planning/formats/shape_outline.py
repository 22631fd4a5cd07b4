"""Shape of a model that is not downloaded, from the numbers that ship with its profile: architecture and file size.

The sizes of its caches are as exact as from its header. The sizes of its weights per layer are estimates: the tables get the
quantisation that is usual for such files, and the layers get equal shares of the rest, and of these experts get the part that
their widths have.
"""

from collections.abc import Mapping
from dataclasses import replace

from hostd.domain.shape import Shape, Tables
from hostd.planning.formats.checkpoint_config import read_configuration
from hostd.planning.formats.checkpoint_tensors import TensorPlaces
from hostd.planning.formats.safetensors import BadModel
from hostd.planning.formats.tensor_types import TENSOR_TYPES

_Q4_K, _Q6_K, _Q8_0 = TENSOR_TYPES[12], TENSOR_TYPES[14], TENSOR_TYPES[8]
_MOST_BYTES = 1 << 50


def outline(document: Mapping[str, object], name: str) -> Shape:
    """Return the shape of the model in *document*: `config` (as in config.json), `bytes` of the file, `quantisation`.

    Raises:
        BadModel: A number that everything depends on is missing or impossible.
    """
    config, size, packing = (document.get(key) for key in ("config", "bytes", "quantisation"))
    if (
        not isinstance(config, dict)
        or type(size) is not int
        or not 0 < size <= _MOST_BYTES
        or not isinstance(packing, str)
    ):
        raise BadModel(f"the numbers of '{name}' lack its config, its bytes or its quantisation; copy them again")
    bare = read_configuration(config, TensorPlaces({}, {}, 0, 0, Tables()), name=name)
    tables = _tables(bare, packing)
    rest = size - tables.token_embedding - tables.output
    if rest < 0:
        raise BadModel(f"the numbers of '{name}' cannot be: its tables alone are larger than its file")
    count = len(bare.layers)
    shares = [rest * (number + 1) // count - rest * number // count for number in range(count)]
    of_experts = _expert_part(bare)
    layers = tuple(
        replace(layer, dense_bytes=share - int(share * of_experts), expert_bytes=int(share * of_experts))
        for layer, share in zip(bare.layers, shares, strict=True)
    )
    return replace(bare, layers=layers, tables=tables, quantisation=packing, file_bytes=size)


def _expert_part(shape: Shape) -> float:
    """Return the part of the layers' weights that is experts, by their widths; attention stands for all else."""
    experts = shape.experts * 3 * shape.embedding * shape.expert_feed_forward
    attention = max(
        (
            shape.embedding * (2 * layer.heads * layer.key_width + layer.key_elements + layer.value_elements)
            for layer in shape.layers
        ),
        default=0,
    )
    return experts / (experts + attention) if experts else 0.0


def _tables(shape: Shape, packing: str) -> Tables:
    """Return the bytes of the tables; in 4-bit mixtures the output table has six bits, and a tied table too."""
    mixed = packing.startswith("Q4_K")
    output = (_Q6_K if mixed else _Q8_0).bytes_for(shape.embedding) * shape.vocabulary
    if shape.tied:
        return Tables(token_embedding=output)
    return Tables((_Q4_K if mixed else _Q8_0).bytes_for(shape.embedding) * shape.vocabulary, output)
