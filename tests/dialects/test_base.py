"""Which model a request asks for, wherever its dialect has that."""

import pytest

from hostd.dialects.base import model_in
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError


def test_the_first_name_counts() -> None:
    """What is empty, or no text, is none; a name of a megabyte is not read to its end."""
    document = RequestDocument.of({"model": "", "name": "m", "long": "x" * 1_000_000})
    assert "m" == model_in(document, "model", "name")
    assert "xxx" == model_in(document, "long")[:3]
    assert len(model_in(document, "long")) < 2000


@pytest.mark.parametrize("model", [None, "", 5, ["m"]])
def test_without_a_name(model: object) -> None:
    """It is said where names are listed."""
    with pytest.raises(RequestError, match="GET /api/tags") as caught:
        model_in(RequestDocument.of({"model": model}), "model", listed="/api/tags")
    assert "no_model" == caught.value.code
