"""Work on large bodies, done one after another in a thread of its own.

A decoder keeps Python's interpreter lock while it works, so a thread does not make it harmless; what it takes from the others is
bounded by what one call decodes (`hostd.dialects.json_text`). One thread bounds it for any number of clients: between two calls,
the event loop has its turn.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from hostd.dialects.json_text import SMALL

_Value = TypeVar("_Value")
_Arguments = TypeVarTuple("_Arguments")

_thread = ThreadPoolExecutor(1, thread_name_prefix="hostd-bodies")


async def in_turn(size: int, function: Callable[[*_Arguments], _Value], *arguments: *_Arguments) -> _Value:
    """Return what *function*, which works on a body of *size* bytes, returns; small bodies are not worth a thread."""
    if size <= SMALL:
        return function(*arguments)
    return await in_turn_always(function, *arguments)


async def in_turn_always(function: Callable[[*_Arguments], _Value], *arguments: *_Arguments) -> _Value:
    """Return what *function* returns in that thread."""
    return await asyncio.get_running_loop().run_in_executor(_thread, function, *arguments)
