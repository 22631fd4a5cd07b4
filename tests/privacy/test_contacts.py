"""Addresses of e-mail and telephone numbers are found as people write them."""

import pytest

from hostd.domain.private_data import DataKind
from tests.privacy.finding import SCANNER, found_everywhere


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DataKind.EMAIL, "anna.m+news@mail.example.co.uk"),
        (DataKind.EMAIL, "müller@exämple.de"),
        (DataKind.EMAIL, "anna@xn--exmple-cua.xn--p1ai"),
        (DataKind.EMAIL, "anna%40example.com"),
        (DataKind.EMAIL, "anna&#64;example.com"),
        (DataKind.EMAIL, "anna\\u0040example.com"),
        (DataKind.EMAIL, "anna (at) example.org"),
        (DataKind.EMAIL, "an\u200bna@exam\u00adple.com"),
        (DataKind.PHONE, "+49 170 1234567"),
        (DataKind.PHONE, "+44 (0)20 7946 0958"),
        (DataKind.PHONE, "(212) 555-0199"),
        (DataKind.PHONE, "212-555-0199"),
    ],
)
def test_it_is_found_exactly_wherever_it_stands(kind: DataKind, text: str) -> None:
    """Within a sentence, alone, in brackets, and on a line of its own."""
    assert found_everywhere(text) == {kind}


@pytest.mark.parametrize(
    ("kind", "before", "text"),
    [
        (DataKind.PHONE, "phone: ", "030 1234567"),
        (DataKind.PHONE, '{"tel": "', "0611/123456"),
    ],
)
def test_what_has_no_form_of_its_own_counts_behind_a_word_for_it(kind: DataKind, before: str, text: str) -> None:
    """Without that word it is left alone."""
    assert SCANNER.values_in(f'{before}{text}"').get(text) is kind
    assert text not in SCANNER.values_in(f"it was {text} units")


@pytest.mark.parametrize(
    "text",
    [
        "logo@2x.png git@github.com:me/x.git @app.route requests@2.31.0 a@b",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    """Nothing in it is private."""
    assert SCANNER.values_in(text) == {}
