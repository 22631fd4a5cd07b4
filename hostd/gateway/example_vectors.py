"""How alike prompts and the owner's examples are, by vectors of their words: the extra ``hostd[semantic]``.

WordLlama's table of 32,000 tokens with 256 numbers each lies in its wheel; nothing is ever downloaded. A text is the mean of its
tokens' vectors, which takes less than a tenth of a millisecond for a prompt of usual length.
"""

import asyncio
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import structlog

from hostd.domain.profile import Role, Settings
from hostd.domain.settings_changes import SettingsRead
from hostd.routing.likeness import examples_of
from hostd.routing.prompt_signs import looked_at
from hostd.runtime.reload import ReadSettings

log = structlog.get_logger()


def likeness(said: str, role: Role) -> Mapping[str, float]:
    """Return how alike what a user *said* and each example of *role* are, from -1 to 1; empty where vectors cannot be had."""
    examples = examples_of(role)
    if not examples or (table := _table()) is None:
        return {}
    vector = _unit(table.embed(looked_at(said) or " "))
    return dict(zip(examples, (_vectors(examples) @ vector[0]).tolist(), strict=True))


def prepare(roles: Iterable[Role]) -> None:
    """Read the table and the examples of *roles*, where any has some: that takes longer than a request should."""
    for role in roles:
        if examples_of(role):
            likeness("", role)


def preparing(read: ReadSettings) -> ReadSettings:
    """Return what reads settings as *read* does, and then what the examples in them are compared by."""

    async def read_and_prepare(present: Settings) -> SettingsRead:
        found = await read(present)
        await asyncio.to_thread(prepare, tuple(found.settings.roles.values()))
        return found

    return read_and_prepare


@lru_cache(maxsize=64)
def _vectors(examples: tuple[str, ...]) -> Any:
    table = _table()
    return None if table is None else _unit(table.embed(list(examples)))


def _unit(vectors: Any) -> Any:
    length = (vectors * vectors).sum(axis=1, keepdims=True) ** 0.5
    return vectors / (length + 1e-9)


@cache
def _table() -> Any:
    """Return what embeds texts; None where the package is broken, which is said once: rules by likeness then never hold."""
    began = perf_counter()
    try:
        import wordllama  # noqa: PLC0415 - numpy and a table of 16 MB, which only those roles need that have examples

        # It looks for its tokenizer in a cache of the user's, as if the one in its own folder was not there.
        inside = Path(wordllama.__file__).parent
        table = wordllama.WordLlama.load(cache_dir=inside, disable_download=True)
    except Exception:  # whatever a broken installation raises
        log.exception(
            "no_example_vectors", hint="pip install 'hostd[semantic]' anew; rules with `like` do not hold until then"
        )
        return None
    log.info("example_vectors_read", seconds=round(perf_counter() - began, 2))
    return table
