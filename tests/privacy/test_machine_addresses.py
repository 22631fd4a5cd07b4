"""Addresses of machines are found; versions, times and this machine itself are none."""

import pytest

from hostd.domain.private_data import DataKind
from tests.privacy.finding import SCANNER, found_everywhere


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DataKind.ADDRESS, "192.168.1.17"),
        (DataKind.ADDRESS, "2001:db8::1"),
        (DataKind.ADDRESS, "fe80:0:0:0:202:b3ff:fe1e:8329"),
        (DataKind.ADDRESS, "00:1a:2b:3c:4d:5e"),
        (DataKind.ADDRESS, "build-7.ci.corp"),
    ],
)
def test_it_is_found_exactly_wherever_it_stands(kind: DataKind, text: str) -> None:
    """Within a sentence, alone, in brackets, and on a line of its own."""
    assert found_everywhere(text) == {kind}


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 0.0.0.0 255.255.255.0 ::1 v1.2.3 1.2.3.4.5 3.14.15.92.6",
        "2024-11-29T13:56:34 10:20:30 12:34:56:78 std::vector<int> a::b::c d[1:2]",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    """Nothing in it is private."""
    assert SCANNER.values_in(text) == {}
