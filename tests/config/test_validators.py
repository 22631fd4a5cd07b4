"""The checks of single values."""

import copy
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.config.validators import (
    InvalidValue,
    ability,
    amount,
    credential,
    devices,
    flag_name,
    flag_value,
    hint,
    one_of,
    shown,
    switch,
    text,
    thinking,
    whole,
)
from hostd.domain.secret import Secret


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--flash-attn", "write 'flash-attn', without the leading dashes"),
        ("-fa", "write 'fa'"),
        ("model", "'path' of the variant"),
        ("m", "'path' of the variant"),
        ("host", "chooses a free one"),
        ("port", "chooses a free one"),
        ("api-key", "each engine gets its own"),
        ("api_key", "each engine gets its own"),
        ("alias", "'name' and 'aliases'"),
        ("parallel", "'slots'"),
        ("np", "'slots'"),
        ("ctx-size", "'context'"),
        ("c", "'context'"),
        ("flash attn", "no engine flag"),
    ],
)
def test_flags_that_are_not_the_owners(flag: str, words: str) -> None:
    """A flag that hostd sets itself is refused with the key to use instead."""
    with pytest.raises(InvalidValue, match=words):
        flag_name(flag)


@pytest.mark.parametrize("flag", ["flash-attn", "ub", "no-mmap", "C", "rope_scaling"])
def test_flags_of_the_owner(flag: str) -> None:
    """Everything else that looks like a flag is the engine's to judge."""
    assert flag == flag_name(flag)


@pytest.mark.parametrize(
    ("check", "value", "result"),
    [
        (text, "a b", "a b"),
        (credential, "sk-1", "sk-1"),
        (whole(1), 1, 1),
        (whole(0), "12", 12),
        (amount, 0, 0.0),
        (amount, "1.5", 1.5),
        (switch, True, True),
        (switch, "off", False),
        (switch, "Yes", True),
        (thinking, "optional", "optional"),
        (thinking, "auto", None),
        (ability, "auto", None),
        (ability, True, True),
        (ability, "no", False),
        (thinking, True, "true"),
        (thinking, "no", "false"),
        (devices, "auto", "auto"),
        (devices, 2, 2),
        (one_of(("f16", "q8_0")), "q8_0", "q8_0"),
        (flag_value, 1.5, 1.5),
        (flag_value, False, False),
        (flag_value, "", ""),
    ],
)
def test_good_values(check: Callable[[object], object], value: object, result: object) -> None:
    """Each kind takes its own values, and the words that people write for them."""
    assert (result, type(result)) == (check(value), type(check(value)))


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (text, 3.5, "write it in quotes"),
        (text, True, "not true; write it in quotes"),
        (text, " ", "empty"),
        (text, "a\nb", "control character"),
        (text, None, "not nothing"),
        (whole(1), 0, "from 1 to"),
        (whole(1), 2**31, "out of range"),
        (whole(0), True, "no whole number"),
        (whole(0), "-1", "no whole number"),
        (amount, -1, "at least 0"),
        (amount, True, "at least 0"),
        (amount, "inf", "at least 0"),
        (switch, 1, "neither true nor false"),
        (thinking, "sometimes", "true, false, optional, auto"),
        (ability, "sometimes", "true, false, auto"),
        (devices, 0, "neither auto nor"),
        (one_of(("f16", "q8_0")), "q8", "did you mean 'q8_0'"),
        (one_of(("f16", "q8_0")), 8, "choose from f16, q8_0"),
        (flag_value, [1], "expected text, a number"),
        (flag_value, "a\x00", "zero byte"),
    ],
)
def test_bad_values(check: Callable[[object], object], value: object, words: str) -> None:
    """Each kind refuses the others, booleans as numbers included."""
    with pytest.raises(InvalidValue, match=words):
        check(value)


@given(st.text("abc", max_size=3).map(lambda word: f"{word}\n") | st.integers() | st.booleans())
def test_a_credential_is_never_repeated(value: object) -> None:
    """Whatever is wrong with a key, the sentence is the same."""
    with pytest.raises(InvalidValue, match=r"^a key must be text in quotes, best written as \$\{env:NAME\}$"):
        credential(value)


def test_a_secret_is_its_text_but_shows_its_source() -> None:
    """Equal to what the variable holds, shown as the reference, also after a copy."""
    secret = copy.deepcopy(Secret("sk-1", "${env:KEY}"))
    assert ("sk-1", "'${env:KEY}'", "'${env:KEY}'") == (secret, repr(secret), shown(secret))


def test_values_are_shown_short() -> None:
    """A message shows a value as one short word."""
    assert "'" + "x" * 57 + "...'" == shown("x" * 100)
    assert ["true", "nothing", "4"] == [shown(value) for value in (True, None, 4)]


def test_hints_lead_to_the_nearest() -> None:
    """The nearest name, whatever its case; all names when none is near; a word when there is none."""
    assert "did you mean 'Limits'?" == hint("LIMIST", ["Limits", "warm"])
    assert "choose from a, b" == hint("zzz", ["a", "b"])
    assert "there is none yet" == hint("zzz", [])
