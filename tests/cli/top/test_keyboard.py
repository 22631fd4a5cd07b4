"""Keys come one at a time, by name where they are no letters."""

import os
import pty
import termios

from hostd.cli.top.keyboard import keys_in, read_keys, unbuffered


def test_names_keys() -> None:
    """Arrows in either of their forms; what means nothing here is passed over whole."""
    text = "q\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[15~\x1b[1;5C/ä\t\r\x7f\x03\x1b"
    names = ["q", "up", "down", "page-up", "page-down", "/", "ä", "tab", "enter", "backspace", "ctrl-c", "escape"]
    assert names == list(keys_in(text))
    assert ["up", "escape"] == list(keys_in("\x1b[A\x1b"))


def test_a_terminal_is_left_as_it_was() -> None:
    """Meanwhile keys come at once and are not shown; its end is no key."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with unbuffered(theirs):
        os.write(ours, b"s\x1b[B")
        assert ["s", "down"] == read_keys(theirs)
        assert not termios.tcgetattr(theirs)[3] & termios.ECHO
    assert before == termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)
    reader, writer = os.pipe()
    os.close(writer)
    assert read_keys(reader) is None
    os.close(reader)
