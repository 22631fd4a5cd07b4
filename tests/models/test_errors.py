"""What goes wrong with a model is one kind of error, in shades."""

import pytest

from hostd.models.errors import BadReference, NotThere, Unreachable, Unreadable


@pytest.mark.parametrize("kind", [BadReference, NotThere, Unreachable])
def test_whoever_asks_for_a_model_catches_one_error(kind: type[Unreadable]) -> None:
    """Each shade is an `Unreadable` with a code of its own and the sentence as it was written."""
    error = kind("there is none; look elsewhere")
    assert isinstance(error, Unreadable)
    assert ("there is none; look elsewhere", True) == (error.message, error.code != Unreadable.code)
