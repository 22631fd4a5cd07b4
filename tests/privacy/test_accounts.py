"""Bank accounts and cards are told from other numbers by their check digits."""

import pytest

from hostd.domain.private_data import DataKind
from tests.privacy.finding import SCANNER, found_everywhere


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DataKind.IBAN, "DE89 3704 0044 0532 0130 00"),
        (DataKind.IBAN, "GB29NWBK60161331926819"),
        (DataKind.IBAN, "NO93 8601 1117 947"),
        (DataKind.CARD, "4111 1111 1111 1111"),
        (DataKind.CARD, "4111-1111-1111-1111"),
        (DataKind.CARD, "378282246310005"),
        (DataKind.CARD, "3782 822463 10005"),
        (
            DataKind.CARD,
            "\uff14\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 \uff11\uff11\uff11\uff11",
        ),
    ],
)
def test_it_is_found_exactly_wherever_it_stands(kind: DataKind, text: str) -> None:
    """Within a sentence, alone, in brackets, and on a line of its own."""
    assert found_everywhere(text) == {kind}


@pytest.mark.parametrize(
    "text",
    [
        "1732888594000 1234567890 12345678901234567 1111-1111-1111-1111 4111 1111 1111 1112",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 commit 1234567890123456789012345678901234567890",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    """Nothing in it is private."""
    assert SCANNER.values_in(text) == {}
