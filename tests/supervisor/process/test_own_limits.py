"""What hostd itself lacks is told from what is wrong with an engine."""

import errno
from pathlib import Path

import pytest

from hostd.domain.errors import EngineError
from hostd.supervisor.process.own_limits import want_in, want_now
from tests.supervisor.exhausted import no_descriptors


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS])
def test_a_want_is_known_by_its_number(number: int) -> None:
    """And told with what to do about it, where anything can be done."""
    assert want_in(OSError(number, "it said so"))


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ENOENT, errno.EACCES, errno.ECONNRESET])
def test_other_errors_are_no_want(number: int) -> None:
    """They say something about the engine, or about its files."""
    assert want_in(OSError(number, "it said so")) is None


def test_a_want_is_found_behind_the_error_that_it_became() -> None:
    """Backends make their own errors of it."""
    error = EngineError("the build cannot be looked at")
    error.__cause__ = OSError(errno.EMFILE, "it said so")
    assert want_in(error)
    assert want_in(EngineError("there is no file")) is None


def test_a_want_is_seen_while_it_lasts(tmp_path: Path) -> None:
    """By trying."""
    assert want_now() is None
    with no_descriptors():
        assert "descriptor" in (want_now() or "")
        with pytest.raises(OSError, match=r".") as caught:
            (tmp_path / "file").open("w")
        assert want_in(caught.value)
    assert want_now() is None
