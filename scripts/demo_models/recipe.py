"""What each demonstration model is: its name, its size, and what it is told."""

from dataclasses import dataclass

SPECIALS = ("<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
PAD, BOS, END, SYSTEM, USER, ASSISTANT = range(6)


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a llama-architecture network; *context* in tokens, *kv_heads* divides *heads*."""

    dim: int
    layers: int
    heads: int
    kv_heads: int
    ffn: int
    vocabulary: int
    context: int = 2048
    rope_base: float = 10000.0
    epsilon: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.dim // self.heads


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model to make: *title* is what it calls itself, *docs* whether it also learns Python's docstrings."""

    name: str
    title: str
    shape: Shape
    docs: bool
    minutes: float


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("tiny-chat", "Tiny Chat", Shape(192, 4, 6, 2, 512, 2048), docs=True, minutes=7),
        Recipe("tiny-story", "Tiny Story", Shape(128, 4, 4, 2, 352, 1024), docs=False, minutes=4),
    )
}
