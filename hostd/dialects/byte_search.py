"""A search in long texts by the C library, which takes a fraction of the time of Python's own (64 kB: 40 us).

glibc's wmemchr(3) has the processor compare 32 bytes at a time with a word of exactly four (1 us, of which there are four places in
which a word can begin); its strstr(3) does so on some processors (2 us, elsewhere 10), but ends at a zero byte. Without glibc it is
no faster than memmem(3), which is in musl and macOS, too (15 us); where that is missing, Python's own is used.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

_WIDE = 4
"""Bytes of a wide character of glibc."""
_WORTH_A_CALL = 2048
"""Bytes from which a call of the C library costs less than it saves."""
_LONG = 256 * 1024
"""Bytes from which other threads should have their turn meanwhile; giving Python's lock up for less costs more than it gives."""


class _Search(NamedTuple):
    """The functions of the C library that there are."""

    wmemchr: Callable[[bytes, int, int], int | None] | None = None
    strstr: Callable[[bytes, bytes], int | None] | None = None
    memmem: Callable[[bytes, int, bytes, int], int | None] | None = None


def contains(text: bytes, word: bytes) -> bool:
    """Return whether *word* is somewhere in *text*."""
    if len(text) < _WORTH_A_CALL:
        # `in` would first raise and drop an error, since a number might be asked for, too.
        return text.find(word) >= 0
    if len(word) == _WIDE and len(text) < _LONG and _alone.wmemchr is not None:
        return _wide_words(_alone.wmemchr, text, (word,))[0]
    search = _alone if len(text) < _LONG else _beside_others
    if search.strstr is not None and text.find(b"\0") < 0 and word.find(b"\0") < 0:
        return search.strstr(text, word) is not None
    if search.memmem is not None:
        return search.memmem(text, len(text), word, len(word)) is not None
    return text.find(word) >= 0


def words_in(text: bytes, words: tuple[bytes, ...]) -> tuple[bool, ...]:
    """Return of each of *words*, all of four bytes, whether it is somewhere in *text*."""
    if len(text) < _WORTH_A_CALL:
        return tuple([text.find(word) >= 0 for word in words])
    if len(text) < _LONG and _alone.wmemchr is not None:
        return _wide_words(_alone.wmemchr, text, words)
    return tuple([contains(text, word) for word in words])


def _wide_words(
    wmemchr: Callable[[bytes, int, int], int | None], text: bytes, words: tuple[bytes, ...]
) -> tuple[bool, ...]:
    """Return which of *words* are in *text*: each is a wide character, of which *wmemchr* sees every fourth place."""
    numbers = [int.from_bytes(word, sys.byteorder) for word in words]
    left = numbers
    for shift in range(_WIDE):
        # Copies, since a wide character has to be aligned; bytes objects are. They take as long as the searches, so all share them.
        part = text[shift:]
        left = [number for number in left if wmemchr(part, number, len(part) // _WIDE) is None]
        if not left:
            break
    return tuple([number not in left for number in numbers])


class _Buffer(ctypes.Structure):
    """CPython's Py_buffer, a part of its stable interface."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("owner", ctypes.c_void_p),
        ("length", ctypes.c_ssize_t),
        ("item_size", ctypes.c_ssize_t),
        ("is_read_only", ctypes.c_int),
        ("dimensions", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("offsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


def position_of(text: bytes, part: Any) -> int | None:
    """Return where in *text* the bytes of *part* begin, which is a view into it; None where it is none."""
    start, whole = _place(text)
    at, length = _place(part)
    return at - start if start <= at and at + length <= start + whole else None


def _place(of: Any) -> tuple[int, int]:
    buffer = _Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(of), ctypes.byref(buffer), 0)
    place = int(buffer.address or 0), int(buffer.length)
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return place


def _load(library: type[ctypes.CDLL]) -> _Search:
    try:
        loaded = library(None)
    except (OSError, TypeError):
        return _Search()
    wmemchr, strstr, memmem = (getattr(loaded, name, None) for name in _Search._fields)
    if not hasattr(loaded, "gnu_get_libc_version") or ctypes.sizeof(ctypes.c_wchar) != _WIDE:
        wmemchr = strstr = None
    for function, arguments in (
        (wmemchr, (ctypes.c_char_p, ctypes.c_uint32, ctypes.c_size_t)),
        (strstr, (ctypes.c_char_p,) * 2),
        (memmem, (ctypes.c_char_p, ctypes.c_size_t) * 2),
    ):
        if function is not None:
            function.argtypes = arguments
            function.restype = ctypes.c_void_p
    return _Search(wmemchr, strstr, memmem)


_alone, _beside_others = _load(ctypes.PyDLL), _load(ctypes.CDLL)
