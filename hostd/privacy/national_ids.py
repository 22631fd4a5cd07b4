"""Social security and tax numbers of persons, each with its check digits or a word that says what it is."""

import re

from hostd.domain.private_data import DataKind
from hostd.privacy import check_digits
from hostd.privacy.pattern import LETTERS_AND_DIGITS, NUMBERS, DataPattern, compact, digits_of

_ID = DataKind.NATIONAL_ID


def _american(text: str) -> bool:
    """Return whether *text* can be a social security number or the taxpayer's number of the same form."""
    digits = digits_of(text)
    return digits[:3] not in ("000", "666") and digits[3:5] != "00" and digits[5:] != "0000"


PATTERNS = (
    # United States: SSN and ITIN.
    DataPattern(_ID, NUMBERS, re.compile(r"(?<![\w-])\d{3}([- ])\d{2}\1\d{4}(?![\w-])"), _american),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])\d{9}(?![\w-])"),
        _american,
        context=re.compile(r"(?i)\b(?:ssn|itin|social.?security|tax(?:payer)?.?id\w*)\b"),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])\d{2}-\d{7}(?![\w-])"),
        context=re.compile(r"(?i)\b(?:ein|employer id\w*|fein)\b"),
    ),
    # Germany: tax number of a person, by its form or a word; social insurance.
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])[1-9]\d( ?)\d{3}\1\d{3}\1\d{3}(?![\w-])"),
        lambda text: check_digits.german_tax_id(digits_of(text)),
        context=re.compile(r"(?i)steuer|tax|\bidnr|\btin\b|identifikationsnummer"),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])[1-9]\d \d{3} \d{3} \d{3}(?![\w-])"),
        lambda text: check_digits.german_tax_id(digits_of(text)),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])\d{2} ?(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d ?[A-Z] ?\d{3}(?![\w-])"),
        context=re.compile(r"(?i)sozialversicherung|rentenversicherung|\bsvnr|\brvnr"),
    ),
    # United Kingdom: National Insurance and NHS.
    DataPattern(
        _ID,
        LETTERS_AND_DIGITS,
        re.compile(
            r"(?i)(?<![\w-])(?!bg|gb|kn|nk|nt|tn|zz)[a-ceghj-prtw-z][a-ceghj-nprtw-z]( ?)\d{2}\1\d{2}\1\d{2}\1[a-d](?![\w-])"
        ),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\w-])"),
        lambda text: check_digits.british_health_number(digits_of(text)),
        context=re.compile(r"(?i)\bnhs\b"),
    ),
    # France, Spain, Italy, the Netherlands, Switzerland, Poland.
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?![\w-])"),
        lambda text: check_digits.french_social_security(digits_of(text)),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?i)(?<![\w-])(?:\d{8}|[xyz]-?\d{7})-?[a-z](?![\w-])"),
        lambda text: check_digits.spanish_id(compact(text)),
    ),
    DataPattern(
        _ID,
        LETTERS_AND_DIGITS,
        re.compile(r"(?i)(?<![\w-])[a-z]{6}\d{2}[a-ehlmprst]\d{2}[a-z]\d{3}[a-z](?![\w-])"),
        lambda text: check_digits.italian_tax_code(text.upper()),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])\d{9}(?![\w-])"),
        check_digits.dutch_citizen_number,
        context=re.compile(r"(?i)\b(?:bsn|burgerservicenummer|sofinummer)\b"),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])756\.?\d{4}\.?\d{4}\.?\d{2}(?![\w-])"),
        lambda text: check_digits.swiss_social_security(digits_of(text)),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])\d{11}(?![\w-])"),
        check_digits.polish_citizen_number,
        context=re.compile(r"(?i)\bpesel\b"),
    ),
    # Brazil and India.
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])"),
        lambda text: check_digits.brazilian_taxpayer(digits_of(text)),
    ),
    DataPattern(
        _ID,
        NUMBERS,
        re.compile(r"(?<![\w-])[2-9]\d{3}([ -])\d{4}\1\d{4}(?![\w-]| \d)"),
        lambda text: check_digits.indian_aadhaar(digits_of(text)),
    ),
    DataPattern(
        _ID,
        LETTERS_AND_DIGITS,
        re.compile(r"(?<![\w-])[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z](?![\w-])"),
        context=re.compile(r"(?i)\bpan\b|income.?tax"),
    ),
)
