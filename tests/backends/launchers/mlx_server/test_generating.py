"""What the thread that generates is given, and what it refuses."""

import argparse
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from hostd.backends.launchers.mlx_server import generating
from hostd.backends.launchers.mlx_server.generating import (
    Guarded,
    OneModel,
    certain_length,
    end,
    pressure,
    trained_context,
)
from hostd.backends.launchers.mlx_server.refusal import Refusal


class Memory:
    """MLX's allocator: *active* bytes, and *cached* ones, which can be cleared."""

    def __init__(self, active: int, cached: int) -> None:
        self.active = active
        self.cached = cached

    def get_active_memory(self) -> int:
        """Bytes in use."""
        return self.active

    def get_cache_memory(self) -> int:
        """Bytes kept for later."""
        return self.cached

    def clear_cache(self) -> None:
        """Keep nothing."""
        self.cached = 0


class PastPrompts:
    """Past prompts, which hold *bytes* of the allocator's."""

    def __init__(self, memory: Memory, bytes_: int) -> None:
        self._memory = memory
        self.bytes = bytes_

    def trim_to(self, *, n_bytes: int) -> None:
        """Let go of all but *n_bytes*."""
        self._memory.active -= self.bytes - n_bytes
        self.bytes = n_bytes


class Generator:
    """The class that is extended, as far as that needs it: a token for each word."""

    def __init__(self, memory: Memory, past: int = 0, context: int = 0) -> None:
        self.memory = memory
        self.prompt_cache = PastPrompts(memory, past)
        self.model_provider = SimpleNamespace(context=context, ready=False)

    def _tokenize(self, _tokenizer: object, request: Any, _args: object) -> Any:
        return (request.prompt.split(),)

    def generation_available(self) -> bool:
        """The thread runs."""
        return True


def guarded(memory: Memory, *, limit: int = 0, **more: int) -> Any:
    """Return an extended generator."""
    own = argparse.Namespace(memory_limit=limit)
    return type("Extended", (Guarded, Generator), {"own": own})(memory, **more)


def request(prompt: str, *messages: object) -> SimpleNamespace:
    """Return a request as the server holds it."""
    return SimpleNamespace(prompt=prompt, messages=list(messages))


def asked(max_tokens: int = 512) -> SimpleNamespace:
    """Return what a request says about its generation."""
    return SimpleNamespace(max_tokens=max_tokens)


def test_the_context_bounds_prompt_and_answer() -> None:
    """A prompt that leaves no room is refused, and an answer ends where the context does."""
    engine, args = guarded(Memory(0, 0), context=8), asked()
    assert (["a", "b", "c"],) == engine._tokenize(None, request("a b c"), args)
    assert 5 == args.max_tokens
    with pytest.raises(Refusal, match="has 8 tokens, and one request may have 8"):
        engine._tokenize(None, request("x " * 8), asked())
    with pytest.raises(Refusal, match="has more than 8 tokens"):
        engine._tokenize(None, request("x" * 5000), asked())


def test_a_request_whose_client_disconnected_does_not_begin() -> None:
    """Its client went while it waited for its turn."""
    with pytest.raises(Refusal, match="the client disconnected"):
        guarded(Memory(0, 0))._tokenize(None, request("a"), SimpleNamespace(abandoned=True))


def test_over_the_limit_what_is_kept_for_later_goes_first() -> None:
    """Freed buffers, then past prompts; only when the rest is too much, requests."""
    memory = Memory(active=90, cached=20)
    engine = guarded(memory, limit=100, past=30)
    engine._tokenize(None, request("a"), asked())
    assert (0, 30) == (memory.cached, engine.prompt_cache.bytes)
    memory.active = 120
    engine._tokenize(None, request("a"), asked())
    assert (90, 0) == (memory.active, engine.prompt_cache.bytes)
    memory.active = 101
    with pytest.raises(Refusal, match="holds 101 bytes and may hold 100") as caught:
        engine._tokenize(None, request("a"), asked())
    assert 503 == caught.value.status


@pytest.mark.parametrize(("level", "cached", "past"), [(1, 20, 30), (2, 0, 30), (4, 0, 0)])
def test_what_is_kept_goes_too_where_the_machine_is_short(
    monkeypatch: pytest.MonkeyPatch, level: int, cached: int, past: int
) -> None:
    """A warning costs the freed buffers, a critical shortage past prompts as well."""
    monkeypatch.setattr(generating, "pressure", lambda: level)
    memory = Memory(active=90, cached=20)
    engine = guarded(memory, past=30)
    engine._tokenize(None, request("a"), asked())
    assert (cached, past) == (memory.cached, engine.prompt_cache.bytes)


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac tells")
def test_only_a_mac_reports_memory_pressure() -> None:
    """So it counts as none."""
    assert 1 == pressure()


def test_healthy_means_loaded() -> None:
    """The thread alone is not enough."""
    engine = guarded(Memory(0, 0))
    assert not engine.is_healthy
    engine.model_provider.ready = True
    assert engine.is_healthy


class Provider:
    """The class that loads models, as far as it is extended."""

    model = SimpleNamespace(args=SimpleNamespace(max_position_embeddings=2048))

    def __init__(self) -> None:
        self.loaded: list[object] = []

    def load_default(self) -> None:
        """Load the model of the command line."""

    def load(self, *what: object) -> str:
        """Load a model."""
        self.loaded.append(what)
        return "model"


@pytest.mark.parametrize(("said", "context"), [(0, 2048), (512, 512)])
def test_there_is_one_model_with_one_context(said: int, context: int) -> None:
    """Whatever is named, and however it adapts; what hostd says of the context wins over the model."""
    provider: Any = type("Extended", (OneModel, Provider), {"own": argparse.Namespace(context=said)})()
    provider.load_default()
    assert (context, True) == (provider.context, provider.ready)
    assert "model" == provider.load("/etc", "/adapter", "/draft")
    assert [("default_model", None, "default_model")] == provider.loaded


def test_a_configuration_within_a_configuration_is_found() -> None:
    """Models that see have their text's numbers apart; some have none."""
    assert 7 == trained_context(SimpleNamespace(text_config={"max_position_embeddings": 7}))
    assert 0 == trained_context(SimpleNamespace(max_position_embeddings="long"))
    assert 0 == trained_context(None)


def test_only_what_is_in_the_prompt_for_certain_is_counted() -> None:
    """Templates drop white space around texts and the thoughts of past answers."""
    parts = [{"type": "text", "text": "four"}, {"type": "image_url"}]
    messages = [{"role": "user", "content": "  two  "}, {"role": "user", "content": parts}]
    assert 7 == certain_length(request("", *messages, {"role": "assistant", "content": "x" * 99}, "odd"))
    assert 2 == certain_length(request("ab"))
    assert 0 == certain_length(SimpleNamespace(prompt=[1, 2], messages=[]))


def test_the_end_has_a_last_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """After the trace of what led to it."""
    statuses: list[int] = []
    monkeypatch.setattr("os._exit", statuses.append)
    try:
        int("no such model")
    except ValueError:
        end("exiting: that is why")
    said = capsys.readouterr().err.splitlines()
    assert ([1], "exiting: that is why") == (statuses, said[-1])
    assert said[-2].startswith("ValueError: ")
