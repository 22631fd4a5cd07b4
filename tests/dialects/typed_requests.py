"""Requests drawn from the types of the official clients, and such with a mistake somewhere in them."""

import collections.abc
import random
import types
from typing import Any, Literal, Required, TypeVar, Union, get_args, get_origin, get_type_hints

import ollama
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_messages
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import response_create_params
from pydantic import BaseModel

TYPES: dict[str, list[Any]] = {
    "/v1/chat/completions": [
        chat_params.CompletionCreateParamsNonStreaming,
        chat_params.CompletionCreateParamsStreaming,
    ],
    "/v1/completions": [completion_create_params.CompletionCreateParamsNonStreaming],
    "/v1/embeddings": [embedding_create_params.EmbeddingCreateParams],
    "/v1/responses": [
        response_create_params.ResponseCreateParamsNonStreaming,
        response_create_params.ResponseCreateParamsStreaming,
    ],
    "/v1/messages": [
        message_create_params.MessageCreateParamsNonStreaming,
        message_create_params.MessageCreateParamsStreaming,
        beta_messages.MessageCreateParamsNonStreaming,
    ],
    "/api/chat": [ollama._types.ChatRequest],
    "/api/generate": [ollama._types.GenerateRequest],
    "/api/embed": [ollama._types.EmbedRequest],
    "/api/embeddings": [ollama._types.EmbeddingsRequest],
}
"""What is sent to a path."""

TEXTS = ("", "a", "Hello", "\u00e9\u6f22", "data:image/png;base64,AAAA", "{}", '{"a": 1}', "\ud800", "5", "x" * 300)
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("inf"),
    "",
    "junk",
    [],
    [None],
    {},
    {"type": 5},
    [[]],
    {"a": {}},
)
_DEEPEST = 9
_LISTS = (list, set, tuple, collections.abc.Iterable, collections.abc.Sequence)
_SIMPLE: dict[Any, tuple[Any, ...]] = {
    str: TEXTS,
    int: (0, 1, 5, 100),
    float: (0.0, 0.5, 1.0),
    bool: (True, False),
    type(None): (None,),
}


class Drawn:
    """Values of any type, chosen by *rng*; one in *mistakes* is of no such type (0: none is)."""

    def __init__(self, rng: random.Random, mistakes: int = 0) -> None:
        self._rng = rng
        self._mistakes = mistakes

    def value(self, kind: Any, depth: int = 0) -> Any:
        """Return a value of *kind*, an annotation."""
        if depth and self._mistakes and self._rng.randrange(self._mistakes) == 0:
            return self._rng.choice(JUNK)
        if kind in _SIMPLE:
            return self._rng.choice(_SIMPLE[kind])
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Literal:
            return self._rng.choice(arguments)
        if origin in (Union, types.UnionType):
            return self.value(self._rng.choice(arguments), depth)
        if hasattr(kind, "__required_keys__") or (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return self.members(kind, depth)
        if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping):
            return {self._rng.choice(TEXTS): self.value(arguments[-1], depth + 1)} if depth < _DEEPEST else {}
        if origin in _LISTS or getattr(origin, "__name__", "") == "SequenceNotStr":
            most = 0 if depth >= _DEEPEST else self._rng.randrange(3)
            return [self.value(arguments[0], depth + 1) for _ in range(most)]
        if (named := getattr(kind, "__value__", None)) is not None:
            return self.value(named, depth)
        if arguments and origin is not None:
            return self.value(arguments[0], depth)
        return self._rng.choice(JUNK) if kind in (Any, object) or isinstance(kind, TypeVar) else self._rng.choice(TEXTS)

    def members(self, kind: Any, depth: int = 0) -> dict[str, Any]:
        """Return an object with all members that *kind* requires and some of the others."""
        if hasattr(kind, "__required_keys__"):
            hints = get_type_hints(kind, include_extras=True)
            needed = {
                name for name, hint in hints.items() if name in kind.__required_keys__ or get_origin(hint) is Required
            }
        else:
            hints = {name: field.annotation for name, field in kind.model_fields.items()}
            needed = {name for name, field in kind.model_fields.items() if field.is_required()}
        few = depth >= _DEEPEST
        chosen = [name for name in hints if name in needed or (not few and self._rng.random() < 0.3)]
        return {name: self.value(hints[name], depth + 1) for name in chosen}


def drawn(path: str, seed: int, mistakes: int) -> dict[str, Any]:
    """Return a request to *path*, of the *seed*."""
    rng = random.Random(seed)
    return {**Drawn(rng, mistakes).members(rng.choice(TYPES[path])), "model": "m"}
