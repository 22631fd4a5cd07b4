"""Where the tensors of a checkpoint belong: to which layer, to its experts, to the tables, or to a tower beside the text.

Checkpoints name their tensors after the modules of the program that trained them, so the parts of a name tell its place.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hostd.domain.shape import Tables
from hostd.planning.formats.safetensors import CheckpointTensor

_LAYER = re.compile(r"(?:^|\.)(?:layers|layer|blocks|h)\.(\d{1,5})\.")
_TOWER = re.compile(
    r"(?:^|\.)(?:vision|visual|vit|vpm|vlm_|image|img_|audio|speech|sound|whisper|multi_?modal|mm_|embed_vision|embed_audio"
    r"|connector|merger|aligner|resampler|mlp1\.)"
)
_EXPERT = re.compile(r"\.(?:experts|switch_mlp)\.")
_PREDICTOR = re.compile(r"(?:^|\.)mtp\.")
_TABLES = (
    ("layer_embedding", re.compile(r"(?:^|\.)embed_tokens_per_layer\.")),
    (
        "token_embedding",
        re.compile(r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|embeddings)\."),
    ),
    ("output", re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.|^output\.")),
)


@dataclass(frozen=True, slots=True)
class TensorPlaces:
    """Bytes by place: *dense* and *experts* by the number of the layer; *predictor* is the part that drafts next tokens."""

    dense: Mapping[int, int]
    experts: Mapping[int, int]
    predictor: int
    tower: int
    tables: Tables

    def layer(self, number: int) -> tuple[int, int]:
        """Return the dense and the experts' bytes of one layer."""
        return self.dense.get(number, 0), self.experts.get(number, 0)


def sort_tensors(tensors: Iterable[CheckpointTensor]) -> TensorPlaces:
    """Return how many bytes of *tensors* belong where."""
    dense: dict[int, int] = defaultdict(int)
    experts: dict[int, int] = defaultdict(int)
    tables: dict[str, int] = defaultdict(int)
    predictor = tower = 0
    for tensor in tensors:
        name, size = tensor.name, tensor.bytes
        if _TOWER.search(name):
            tower += size
        elif _PREDICTOR.search(name):
            predictor += size
        elif layer := _LAYER.search(name):
            (experts if _EXPERT.search(name) else dense)[int(layer[1])] += size
        else:
            tables[next((table for table, pattern in _TABLES if pattern.search(name)), "other")] += size
    return TensorPlaces(dense, experts, predictor, tower, Tables(**tables))
