"""Numbers of persons are told by check digits, or by a word that says what they are."""

import pytest

from hostd.domain.private_data import DataKind
from tests.privacy.finding import SCANNER, found_everywhere


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DataKind.NATIONAL_ID, "914-27-6083"),
        (DataKind.NATIONAL_ID, "86 095 742 719"),
        (DataKind.NATIONAL_ID, "AB 12 34 56 C"),
        (DataKind.NATIONAL_ID, "2 55 08 14 168 025 38"),
        (DataKind.NATIONAL_ID, "12345678Z"),
        (DataKind.NATIONAL_ID, "RSSMRA85T10A562S"),
        (DataKind.NATIONAL_ID, "756.9217.0769.85"),
        (DataKind.NATIONAL_ID, "111.444.777-35"),
    ],
)
def test_it_is_found_exactly_wherever_it_stands(kind: DataKind, text: str) -> None:
    """Within a sentence, alone, in brackets, and on a line of its own."""
    assert found_everywhere(text) == {kind}


@pytest.mark.parametrize(
    ("kind", "before", "text"),
    [
        (DataKind.NATIONAL_ID, "Steuer-ID ", "86095742719"),
        (DataKind.NATIONAL_ID, "SSN: ", "536221234"),
        (DataKind.NATIONAL_ID, "BSN ", "111222333"),
    ],
)
def test_what_has_no_form_of_its_own_counts_behind_a_word_for_it(kind: DataKind, before: str, text: str) -> None:
    """Without that word it is left alone."""
    assert SCANNER.values_in(f'{before}{text}"').get(text) is kind
    assert text not in SCANNER.values_in(f"it was {text} units")


@pytest.mark.parametrize(
    "text",
    [
        "000-12-3456 666-12-3456 123-00-4567 DE00 3704 0044 0532 0130 00",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    """Nothing in it is private."""
    assert SCANNER.values_in(text) == {}
