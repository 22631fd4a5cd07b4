"""Packed bodies are unpacked within their limit, and refused where they are broken or unknown."""

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.errors import RequestError
from hostd.gateway.http.content_encoding import TooLongError, UnsupportedEncoding, encoding_of, unpack

TEXT = b'{"model": "alpha"}' * 10_000


def _raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("header", "packed"),
    [
        ("gzip", gzip.compress(TEXT)),
        (" X-GZIP ", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", _raw(TEXT)),
    ],
)
async def test_unpacks(header: str, packed: bytes) -> None:
    """Either form that clients send for deflate, and gzip under both of its names."""
    taken: list[int] = []
    assert TEXT == await unpack(packed, encoding_of(header), len(TEXT), taken.append)
    assert sum(taken) >= len(TEXT)


@pytest.mark.parametrize("header", [None, "", "identity"])
def test_what_is_not_packed_has_no_encoding(header: str | None) -> None:
    """And is left as it is."""
    assert "" == encoding_of(header)


@pytest.mark.parametrize("header", ["br", "zstd", "gzip, gzip", "compress", "x" * 1000])
def test_refuses_what_it_does_not_know(header: str) -> None:
    """415, with the name of what was sent, cut short."""
    with pytest.raises(UnsupportedEncoding) as caught:
        encoding_of(header)
    assert 415 == caught.value.status
    assert "gzip, deflate" in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "packed",
    [
        b"not packed at all",
        gzip.compress(TEXT)[:-9],
        gzip.compress(TEXT)[:-4] + b"\x00\x00\x00\x00",
        gzip.compress(TEXT) + b"more",
        b"\x1f\x8b",
    ],
)
async def test_refuses_what_is_broken(packed: bytes) -> None:
    """Cut off, altered, or followed by something."""
    with pytest.raises(RequestError) as caught:
        await unpack(packed, "gzip", 1 << 20, lambda _: None)
    assert (400, "bad_encoding") == (caught.value.status, caught.value.code)


@pytest.mark.slow
async def test_a_small_body_cannot_become_a_large_one() -> None:
    """A limit of 1 MiB is found out after 1 MiB, whatever would follow."""
    taken: list[int] = []
    bomb = gzip.compress(bytes(1 << 28), 9)
    with pytest.raises(TooLongError):
        await unpack(bomb, "gzip", 1 << 20, taken.append)
    assert sum(taken) <= 3 << 20


@pytest.mark.slow
@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
async def test_no_bytes_make_another_error(body: bytes, encoding: str) -> None:
    """Whatever comes is unpacked or refused."""
    with suppress(RequestError, TooLongError):
        await unpack(body, encoding, 1000, lambda _: None)
