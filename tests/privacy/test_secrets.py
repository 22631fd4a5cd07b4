"""Keys and passwords are found by how they begin, or by what is said before them."""

import pytest

from hostd.domain.private_data import DataKind
from tests.privacy.finding import SCANNER, found_everywhere


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DataKind.SECRET, "sk-ant-api03-abcdefghijklmnopqrstuv"),
        (DataKind.SECRET, "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
        (DataKind.SECRET, "AKIAIOSFODNN7EXAMPLE"),
        (DataKind.SECRET, "xoxb-123456789012-abcdefghijkl"),
        (DataKind.SECRET, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"),
        (DataKind.SECRET, "hostd_" + "A1" * 21 + "b"),
        (DataKind.SECRET, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----"),
    ],
)
def test_it_is_found_exactly_wherever_it_stands(kind: DataKind, text: str) -> None:
    """Within a sentence, alone, in brackets, and on a line of its own."""
    assert found_everywhere(text) == {kind}


@pytest.mark.parametrize(
    ("kind", "before", "text"),
    [
        (DataKind.SECRET, "DB_PASSWORD=", "hunter2hunter2"),
        (DataKind.SECRET, '"api_key": "', "a1b2c3d4e5f6"),
        (DataKind.SECRET, "postgres://bob:", "s3cr3tpw"),
    ],
)
def test_what_has_no_form_of_its_own_counts_behind_a_word_for_it(kind: DataKind, before: str, text: str) -> None:
    """Without that word it is left alone."""
    assert SCANNER.values_in(f"{before}{text}{'@' if '://' in before else chr(34)}").get(text) is kind
    assert text not in SCANNER.values_in(f"it was {text} units")


@pytest.mark.parametrize(
    "text",
    [
        'api_key=os.environ["X"] password: string secret = None sk-learn task-specific token',
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    """Nothing in it is private."""
    assert SCANNER.values_in(text) == {}
