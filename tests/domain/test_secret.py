"""What the owner keeps out of files is shown to nobody."""

import copy

import pytest

from hostd.domain.secret import MASK, Secret, masked, masked_word, secrets_in

KEY = "sk-0123456789"


def test_a_secret_is_text_that_shows_its_reference() -> None:
    """It compares as the text, and a copy is a secret, too."""
    secret = copy.deepcopy(Secret(KEY, "${env:KEY}"))
    assert KEY == secret
    assert "'${env:KEY}'" == repr(secret)


def test_only_secrets_are_found() -> None:
    """The longest comes first; an empty one would mask everything."""
    values = (Secret("abc", "${env:A}"), "plain", 3, True, Secret("abcdef", "${env:B}"), Secret("", "${env:C}"))
    assert ("abcdef", "abc") == secrets_in(values)
    assert all(type(found) is str for found in secrets_in(values))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (KEY, MASK),
        (f"error: bad value {KEY}, {KEY}", f"error: bad value {MASK}, {MASK}"),
        ("nothing", "nothing"),
        ("8", MASK),
        ("18 of 80", "18 of 80"),
    ],
)
def test_text_is_masked(text: str, shown: str) -> None:
    """A long secret wherever it stands, a short one only where it is all of the text."""
    assert shown == masked(text, (KEY, "8"))


@pytest.mark.parametrize(
    ("word", "shown"), [("--threads=8", f"--threads={MASK}"), ("8", MASK), ("--n8=18", "--n8=18"), ("a=8", "a=8")]
)
def test_words_of_a_command_line_are_masked(word: str, shown: str) -> None:
    """Some engines take the value of a flag behind a sign of equality."""
    assert shown == masked_word(word, ("8",))
