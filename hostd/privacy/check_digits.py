"""Check digits by which a number that only looks like an identifier is told from one. Texts hold digits and letters alone."""

import string

_LETTER_VALUES = {letter: str(value) for value, letter in enumerate(string.ascii_uppercase, 10)}
_SPANISH = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALIAN_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_VERHOEFF_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def luhn(digits: str) -> bool:
    """Return whether *digits* satisfy the formula of payment cards (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) << (place & 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(text: str) -> bool:
    """Return whether *text* (upper case) satisfies ISO 13616: its number, read modulo 97, leaves 1."""
    turned = text[4:] + text[:4]
    return int("".join(_LETTER_VALUES.get(each, each) for each in turned)) % 97 == 1


def german_tax_id(digits: str) -> bool:
    """Return whether eleven *digits* satisfy ISO 7064, mod 11,10, as German tax numbers of persons do."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def french_social_security(digits: str) -> bool:
    """Return whether fifteen *digits* are a number of the French register, whose last two are its key modulo 97."""
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def spanish_id(text: str) -> bool:
    """Return whether *text* is a Spanish DNI or NIE: eight digits, or X, Y or Z and seven, with their letter modulo 23."""
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return _SPANISH[int(number) % 23] == text[-1]


def italian_tax_code(text: str) -> bool:
    """Return whether sixteen characters are an Italian codice fiscale, whose last letter checks the others."""
    total = 0
    for place, each in enumerate(text[:-1]):
        value = int(each) if each.isdigit() else ord(each) - ord("A")
        total += value if place % 2 else _ITALIAN_ODD[value]
    return chr(ord("A") + total % 26) == text[-1]


def dutch_citizen_number(digits: str) -> bool:
    """Return whether nine *digits* satisfy the eleven-test of the Dutch BSN."""
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True))
    return weighted % 11 == 0 and int(digits) > 0


def swiss_social_security(digits: str) -> bool:
    """Return whether thirteen *digits* satisfy EAN-13, as Swiss AHV numbers do."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def brazilian_taxpayer(digits: str) -> bool:
    """Return whether eleven *digits* are a Brazilian CPF with both of its check digits."""
    for known in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(digits[:known], range(known + 1, 1, -1), strict=True))
        if total * 10 % 11 % 10 != int(digits[known]):
            return False
    return len(set(digits)) > 1


def indian_aadhaar(digits: str) -> bool:
    """Return whether twelve *digits* satisfy Verhoeff's scheme, as Aadhaar numbers do."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(place % 8):
            value = _VERHOEFF_TURN[value]
        check = _dihedral(check, value)
    return check == 0


def polish_citizen_number(digits: str) -> bool:
    """Return whether eleven *digits* are a Polish PESEL."""
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), strict=True))
    return weighted % 10 == 0


def british_health_number(digits: str) -> bool:
    """Return whether ten *digits* satisfy the modulo 11 check of NHS numbers."""
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return rest % 11 == int(digits[9])


def _dihedral(left: int, right: int) -> int:
    """Return the product of two elements of the dihedral group of order 10."""
    if left < 5:
        return (left + right) % 5 if right < 5 else 5 + (left + right - 5) % 5
    return 5 + (left - 5 - right) % 5 if right < 5 else (left - right) % 5
