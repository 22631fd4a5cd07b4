"""Tensor sizes of a checkpoint by layer, experts, tables (embeddings and output) and vision or audio tower.

Checkpoints name their tensors after the modules of the training program, so a tensor's name says where it belongs.
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
    """Bytes of tensors: *dense* and *experts* by layer number, *predictor* of the drafting (multi-token prediction) part."""

    dense: Mapping[int, int]
    experts: Mapping[int, int]
    predictor: int
    tower: int
    tables: Tables

    def layer(self, number: int) -> tuple[int, int]:
        """Return the bytes of one layer: dense, and in its experts."""
        return self.dense.get(number, 0), self.experts.get(number, 0)


def sort_tensors(tensors: Iterable[CheckpointTensor]) -> TensorPlaces:
    """Return the bytes of *tensors* by layer and part of the model."""
    dense: dict[int, int] = defaultdict(int)
    experts: dict[int, int] = defaultdict(int)
    tables: dict[str, int] = defaultdict(int)
    predictor = tower = 0
    for tensor in tensors:
        name, size = tensor.name, tensor.bytes
        # Towers first: their blocks are numbered like the text model's layers and must not be added to those.
        if _TOWER.search(name):
            tower += size
        elif _PREDICTOR.search(name):
            predictor += size
        elif layer := _LAYER.search(name):
            (experts if _EXPERT.search(name) else dense)[int(layer[1])] += size
        else:
            tables[next((table for table, pattern in _TABLES if pattern.search(name)), "other")] += size
    return TensorPlaces(dense, experts, predictor, tower, Tables(**tables))
