"""Bank accounts and payment cards."""

import re

from hostd.domain.private_data import DataKind
from hostd.privacy import check_digits
from hostd.privacy.pattern import LETTERS_AND_DIGITS, NUMBERS, DataPattern, compact, digits_of

_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""Countries by the characters of their IBAN (SWIFT's register)."""
_IBAN_LENGTHS = {country: length for length, countries in _COUNTRIES.items() for country in countries.split()}
_BEGINNINGS = re.compile(r"4|5[0-9]|2(?:2[2-9]|[3-7])|3[0-9]|6(?:0|2|4|5|[7-9])|81|9792")
"""How numbers of the card networks in use begin."""


_CARD_FORMS = (
    r"\d{4}([ \u00a0-])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?",
    r"\d{4}([ \u00a0-])\d{6}\2\d{4,5}",
    r"\d{13,19}",
)


def _is_iban(text: str) -> bool:
    account = compact(text)
    return len(account) == _IBAN_LENGTHS.get(account[:2]) and check_digits.iban(account)


def _is_card(text: str) -> bool:
    digits = digits_of(text)
    return _BEGINNINGS.match(digits) is not None and len(set(digits)) > 1 and check_digits.luhn(digits)


def _form_of(country: str, length: int) -> str:
    return rf"{country}\d\d(?:[ \u00a0-]?[a-z0-9]){{{length - 4}}}"


PATTERNS = (
    DataPattern(
        DataKind.IBAN,
        LETTERS_AND_DIGITS,
        # All begin alike, and most text does not: that spares it 80 comparisons.
        re.compile(
            rf"(?i)(?<![a-z0-9])(?=[a-z][a-z]\d\d)(?:{'|'.join(_form_of(*each) for each in _IBAN_LENGTHS.items())})(?![a-z0-9])"
        ),
        _is_iban,
    ),
    DataPattern(DataKind.CARD, NUMBERS, re.compile(rf"(?<![\w.])(?:{'|'.join(_CARD_FORMS)})(?!\w|\.\d)"), _is_card),
)
