"""What goes wrong with a model is one kind of error, in shades."""

import pytest

from hostd.models.errors import BadReference, HubUnreachable, ModelNotFound, ModelUnreadable


@pytest.mark.parametrize("kind", [BadReference, ModelNotFound, HubUnreachable])
def test_every_kind_is_caught_as_one_error(kind: type[ModelUnreadable]) -> None:
    """Each shade is an `ModelUnreadable` with a code of its own and the sentence as it was written."""
    error = kind("there is none; look elsewhere")
    assert isinstance(error, ModelUnreadable)
    assert ("there is none; look elsewhere", True) == (error.message, error.code != ModelUnreadable.code)
