"""Tracebacks tell where, and neither values of variables nor anything that drives a terminal."""

import sys

import pytest

from hostd.telemetry.tracebacks import exception_as_text, innermost_place, printable

SECRET = "xyzzy" + "-value"


def raised(words: str) -> ValueError:
    """Return an exception that was raised where a variable holds a secret."""

    def fail(held: str) -> None:
        raise ValueError(words if held else "")

    try:
        fail(SECRET)
    except ValueError as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("given", ["exception", "tuple"])
def test_shows_the_place_and_no_variables(given: str) -> None:
    """The secret is a variable of the frame."""
    error = raised("oh")
    about = error if given == "exception" else (type(error), error, error.__traceback__)
    text = exception_as_text(None, "error", {"event": "bug", "exc_info": about})["exception"]
    assert "ValueError: oh" in text
    assert "test_tracebacks.py" in text
    assert SECRET not in text


def test_takes_the_exception_at_hand() -> None:
    """As `logging` does with ``exc_info=True``."""
    try:
        raise raised("at hand")
    except ValueError:
        assert "at hand" in exception_as_text(None, "error", {"exc_info": True})["exception"]
    assert sys.exc_info()[0] is None
    assert exception_as_text(None, "error", {"exc_info": True}) == {}
    assert exception_as_text(None, "error", {"exc_info": (None, None, None)}) == {}


def test_escapes_and_cuts_what_the_exception_says() -> None:
    """Its words may be a stranger's."""
    text = exception_as_text(None, "error", {"exc_info": raised("\x1b[31m\u202e" + "y" * 5000)})["exception"]
    assert all(line.isprintable() for line in text.split("\n"))
    assert max(map(len, text.split("\n"))) <= 300


def test_a_recursion_without_end_is_cut() -> None:
    """Its begin and its end are told."""

    def even(n: int) -> int:
        return odd(n) + 1

    def odd(n: int) -> int:
        return even(n) + 1

    try:
        even(0)
    except RecursionError as error:
        text = exception_as_text(None, "error", {"exc_info": error})["exception"]
    assert text.count("\n") <= 201
    assert "RecursionError" in text


def test_names_the_innermost_place() -> None:
    """A file without its folder, and a line."""
    assert str(innermost_place(raised("x"))).startswith("test_tracebacks.py:")
    assert innermost_place(ValueError()) is None


def test_leaves_printable_text_as_it_is() -> None:
    """Letters of all scripts are printable."""
    assert printable("día 日") == "día 日"
    assert printable("a\nb\x9b") == "a\\nb\\x9b"
