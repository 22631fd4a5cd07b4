"""What a model's header says about it: every number that decides how much memory serving it takes, and nothing else.

A shape is the same noun whether it was read from a GGUF header or from safetensors and their configuration, so that each
engine's estimator is one function of it.
"""

from dataclasses import dataclass
from enum import StrEnum


class LayerKind(StrEnum):
    """What a layer remembers of the tokens that it has seen."""

    FULL = "full"
    SLIDING = "sliding"
    RECURRENT = "recurrent"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Layer:
    """One block of the network.

    *kind* says what is kept: the keys and values of every token (FULL), of the last ``Shape.window`` tokens (SLIDING), a state
    of constant size (RECURRENT), or nothing of its own (NONE: it reads an earlier layer's KV, or it has no attention).

    *kv_heads* heads of *key_width* and *value_width* elements each are kept per token, as the engine keeps them: where a latent
    is cached, one head of the latent's width and no value. *index_width* elements more are kept per token by sparse attention.
    With a *compress_ratio*, a SLIDING layer also keeps one key, and one of the index, for so many tokens of all.

    *conv_state* and *state* are the elements (four bytes each) that a sequence's recurrent state takes, the shift register of
    the convolution (R) and the state proper (S). A layer that runs attention and recurrence side by side is FULL and has both.

    *dense_bytes* and *expert_bytes* are its weights as stored: experts are those that a router picks from.
    """

    kind: LayerKind
    heads: int = 0
    kv_heads: int = 0
    key_width: int = 0
    value_width: int = 0
    index_width: int = 0
    compress_ratio: int = 0
    conv_state: int = 0
    state: int = 0
    dense_bytes: int = 0
    expert_bytes: int = 0

    @property
    def key_elements(self) -> int:
        """Elements of keys kept per token."""
        return self.kv_heads * self.key_width

    @property
    def value_elements(self) -> int:
        """Elements of values kept per token."""
        return self.kv_heads * self.value_width

    @property
    def weight_bytes(self) -> int:
        """Bytes of this layer's weights as stored."""
        return self.dense_bytes + self.expert_bytes


@dataclass(frozen=True, slots=True)
class Tables:
    """Bytes of the weights that belong to no layer, grouped by where an engine puts them.

    *token_embedding* turns tokens into vectors and *output* vectors into tokens; *output* is 0 where both are one matrix
    (``Shape.tied``). *layer_embedding* is a second table of the input, per layer. *other* is the rest (norms, frequencies).
    """

    token_embedding: int = 0
    output: int = 0
    layer_embedding: int = 0
    other: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's architecture in numbers.

    *layers* is the trunk; *nextn* are the layers after it that only draft the next tokens (multi-token prediction). *heads* is
    the largest number of query heads of any layer. *embedding*, *feed_forward*, *expert_feed_forward* are widths in elements,
    *context* the tokens that it was trained for, *window* the tokens that a SLIDING layer sees (0: none is). *latent* is the
    width of the latent from which keys and values can be made (0: none), whether or not this file lets an engine cache it;
    *latent_cached* says that it does. *index_heads* score every token for sparse attention (0: none do).

    *known* is False where the architecture is not understood: then every layer counts as FULL, which bounds its memory from
    above. *encoder* marks a model that reads its whole input at once and keeps nothing. *projector* counts the bytes of a
    vision or audio tower, where this is (or includes) one. *file_bytes* and *weight_bytes* are those of all parts together,
    *parts* how many files the model is split into.
    """

    architecture: str
    name: str
    layers: tuple[Layer, ...]
    known: bool = True
    nextn: tuple[Layer, ...] = ()
    heads: int = 0
    embedding: int = 0
    vocabulary: int = 0
    context: int = 0
    feed_forward: int = 0
    experts: int = 0
    experts_used: int = 0
    expert_feed_forward: int = 0
    window: int = 0
    latent: int = 0
    latent_cached: bool = False
    index_heads: int = 0
    tied: bool = False
    encoder: bool = False
    tables: Tables = Tables()
    projector: int = 0
    quantisation: str = ""
    file_bytes: int = 0
    parts: int = 1

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights as stored, each counted once."""
        tables = self.tables
        blocks = sum(layer.weight_bytes for layer in (*self.layers, *self.nextn))
        return blocks + tables.token_embedding + tables.output + tables.layer_embedding + tables.other + self.projector

    def count(self, kind: LayerKind) -> int:
        """Return how many layers of the trunk are of that kind."""
        return sum(layer.kind is kind for layer in self.layers)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind in LayerKind if (count := self.count(kind)))
        doubt = "" if self.known else ", architecture not known"
        return f"<Shape {self.name or '?'} ({self.architecture}): {len(self.layers)} layers ({kinds}){doubt}>"
