"""Which packed answers are undone, and how far."""

import gzip

import pytest

from hostd.backends.http.encoding import MAX_PER_READ, Unpacker
from hostd.backends.http.errors import AnswerError


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", ""])
def test_only_two_encodings_are_known(encoding: str) -> None:
    """The name of another one is told, cut."""
    with pytest.raises(AnswerError, match="which nothing asked for"):
        Unpacker(encoding)


def test_one_read_cannot_fill_the_memory() -> None:
    """A read that unpacks to more than the limit is an error; one just below it is not."""
    small, large = (gzip.compress(bytes(size)) for size in (MAX_PER_READ - 1, MAX_PER_READ + 1))
    assert MAX_PER_READ - 1 == len(Unpacker("gzip").feed(small))
    with pytest.raises(AnswerError, match="unpack to more"):
        Unpacker("gzip").feed(large)
