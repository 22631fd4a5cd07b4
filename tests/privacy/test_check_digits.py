"""Check digits tell identifiers from numbers that only look like them."""

from collections.abc import Callable

import pytest

from hostd.privacy import check_digits

_KNOWN = (
    (check_digits.luhn, "4111111111111111"),
    (check_digits.iban, "DE89370400440532013000"),
    (check_digits.german_tax_id, "86095742719"),
    (check_digits.french_social_security, "255081416802538"),
    (check_digits.dutch_citizen_number, "111222333"),
    (check_digits.swiss_social_security, "7569217076985"),
    (check_digits.brazilian_taxpayer, "11144477735"),
    (check_digits.indian_aadhaar, "999941057058"),
    (check_digits.polish_citizen_number, "44051401359"),
    (check_digits.british_health_number, "9434765919"),
    (check_digits.spanish_id, "12345678Z"),
    (check_digits.spanish_id, "X1234567L"),
    (check_digits.italian_tax_code, "RSSMRA85T10A562S"),
)
"""The issuers' own examples."""


@pytest.mark.parametrize(("check", "text"), _KNOWN)
def test_an_issuers_example_satisfies_the_check_and_no_other_last_character_does(
    check: Callable[[str], bool], text: str
) -> None:
    """One wrong check character is told, whichever it is."""
    others = "0123456789" if text[-1].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert [each for each in others if check(text[:-1] + each)] == [text[-1]]
