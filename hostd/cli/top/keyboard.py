"""Keys of a terminal, one at a time and without being shown."""

import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

_NAMES = {
    "\x1b": "escape",
    "\t": "tab",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "ctrl-c",
    "\x04": "ctrl-c",
}
_SEQUENCES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page-up",
    "\x1b[6~": "page-down",
}


@contextmanager
def unbuffered(descriptor: int) -> Iterator[None]:
    """Have the terminal pass each key on at once, and show none; as it was afterwards."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def keys_in(text: str) -> Iterator[str]:
    """Yield the keys of *text* as it was read: letters as they are, others by name; what is not known is passed over."""
    while text:
        known = next((each for each in _SEQUENCES if text.startswith(each)), None)
        if known is not None:
            yield _SEQUENCES[known]
            text = text[len(known) :]
        elif text.startswith(("\x1b[", "\x1bO")):
            # A key that means nothing here: its sequence ends with a letter or a tilde.
            end = next((at for at, letter in enumerate(text[2:], 3) if letter.isalpha() or letter == "~"), len(text))
            text = text[end:]
        else:
            yield _NAMES.get(text[0], text[0])
            text = text[1:]


def read_keys(descriptor: int) -> list[str] | None:
    """Return the keys that were pressed, waiting for one; None at the end of the terminal."""
    data = os.read(descriptor, 1024)
    return list(keys_in(data.decode("utf-8", "replace"))) if data else None
