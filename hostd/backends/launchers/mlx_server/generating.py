"""The model and the generating thread: what is loaded, which requests are admitted, and how much memory they may take."""

import argparse
import ctypes
import os
import sys
import traceback
from typing import Any, cast

from .refusal import Refusal, too_long

WARNING = 2
"""Memory pressure from which cached buffers and past prompts are released."""
# Characters that no tokenizer makes one token of: a prompt that is certainly too long is refused untokenized.
_LONGEST_TOKEN = 512


class OneModel:
    """Extends ``ModelProvider``: the model of the command line, whatever a request names."""

    own: argparse.Namespace
    ready = False
    context = 0

    def load_default(self) -> None:
        """Load the model; from then on the server is healthy."""
        cast("Any", super()).load_default()
        self.context = self.own.context or trained_context(getattr(cast("Any", self).model, "args", None))
        self.ready = True

    def load(self, _model: object, _adapter: object = None, _draft: object = None) -> Any:
        """Return the one model and its tokenizer."""
        return cast("Any", super()).load("default_model", None, "default_model")


def trained_context(args: object) -> int:
    """Return the tokens that a model was trained for as its configuration has it, or 0."""
    text = getattr(args, "text_config", None) or {}
    found = getattr(args, "max_position_embeddings", None) or text.get("max_position_embeddings")
    return found if isinstance(found, int) else 0


class Guarded:
    """Extends ``ResponseGenerator``: refuses what does not fit, and ends the process when it cannot go on."""

    own: argparse.Namespace
    memory: Any
    generation: dict[int, list[int]]
    pulse = 0

    def _run_generate(self) -> None:
        try:
            cast("Any", self)._generate()  # noqa: SLF001 - this class extends the one that has it
        except BaseException as error:  # noqa: BLE001 - whatever it is, nothing is generated any more
            said = str(error).partition("\n")[0]
            end(f"exiting: the generation thread died: {type(error).__name__}: {said}")

    @property
    def is_healthy(self) -> bool:
        """Whether the model is loaded and its thread runs."""
        mine = cast("Any", self)
        return bool(mine.model_provider.ready and mine.generation_available())

    def _next_request(self, timeout: float | None = None) -> Any:
        self.pulse += 1
        return cast("Any", super())._next_request(timeout)  # noqa: SLF001 - as above

    def _tokenize(self, tokenizer: Any, request: Any, args: Any) -> Any:
        """Tokenize in the generating thread, where memory may be released, and refuse what cannot be served."""
        if getattr(args, "abandoned", False):
            raise Refusal(499, "client_gone", "the client disconnected")
        context = cast("Any", self).model_provider.context
        if context and certain_length(request) > context * _LONGEST_TOKEN:
            raise too_long(context, f"more than {context}")
        found = cast("Any", super())._tokenize(tokenizer, request, args)  # noqa: SLF001 - as above
        length = len(found[0])
        if context:
            if length >= context:
                raise too_long(context, str(length))
            args.max_tokens = min(args.max_tokens, context - length)
        self._make_room()
        return found

    def _make_room(self) -> None:
        """Release cached memory where the limit or the machine's memory pressure requires it.

        Buffers first, then past prompts; a request is refused only when that was not enough.
        """
        limit = self.own.memory_limit or sys.maxsize
        need = pressure()
        if self.memory.get_active_memory() + self.memory.get_cache_memory() <= limit and need < WARNING:
            return
        self.memory.clear_cache()
        # Past prompts save prefill time, so they are released only when freed buffers were not enough.
        if self.memory.get_active_memory() > limit or need > WARNING:
            cast("Any", self).prompt_cache.trim_to(n_bytes=0)
            self.memory.clear_cache()
        if (held := self.memory.get_active_memory()) > limit:
            raise Refusal(
                503,
                "out_of_memory",
                f"the engine holds {held} bytes and may hold {limit}; try again when others are done",
            )


def pressure() -> int:
    """Return how short a Mac's memory is, as its kernel puts it: 1 not, 2 warning, 4 critical. Elsewhere it is 1."""
    if sys.platform != "darwin":
        return 1
    level, size = ctypes.c_int(1), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
    name = b"kern.memorystatus_vm_pressure_level"
    ctypes.CDLL(None).sysctlbyname(name, ctypes.byref(level), ctypes.byref(size), None, ctypes.c_size_t(0))
    return level.value


def certain_length(request: Any) -> int:
    """Return characters that are in the prompt for certain: templates leave out white space, and past answers' thoughts."""
    texts = [request.prompt] if isinstance(request.prompt, str) else []
    for message in request.messages:
        content = message.get("content") if isinstance(message, dict) and message.get("role") != "assistant" else None
        parts = content if isinstance(content, list) else [{"text": content}]
        texts += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return sum(len(" ".join(text.split())) for text in texts)


def end(why: str) -> None:
    """End the process, other threads and all, with *why* as its last line."""
    if sys.exc_info()[0] is not None:
        traceback.print_exc()
    say(why)
    # Not `sys.exit`: the other threads, which serve or generate, would keep the process running.
    os._exit(1)


def say(line: str) -> None:
    """Log a line."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
