"""What is masked holds nothing of it, and comes back as it was."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.private_data import DataKind
from hostd.privacy.masking import LONGEST, PLACEHOLDER, Mask, held_back

_KEY = b"k" * 32
_VALUES = {"anna@example.com": DataKind.EMAIL, "anna@example.com.au": DataKind.EMAIL, "Pröject": DataKind.WORD}
_MASK = Mask(_VALUES, _KEY)


def test_every_value_is_replaced_wherever_it_stands_and_put_back() -> None:
    """Names of members, lists and texts; of two values that begin alike, the longer one."""
    request = {"anna@example.com": ["to anna@example.com.au", {"a": "Pröject, Pröject"}], "n": 5}
    masked = _MASK.mask(request)
    text = json.dumps(masked, ensure_ascii=False)
    assert not any(value in text for value in _VALUES)
    assert len(PLACEHOLDER.findall(text)) == 4
    assert json.loads(_MASK.restore(text)) == request
    assert json.loads(_MASK.restore_bytes(json.dumps(masked).encode())) == request


def test_a_value_has_one_placeholder_for_the_life_of_a_key_and_another_with_another() -> None:
    """So a conversation that goes on has the same beginning; and placeholders tell nobody who guesses values which they are."""
    alone = Mask({"anna@example.com": DataKind.EMAIL}, _KEY)
    assert alone.mask("anna@example.com") == _MASK.mask("anna@example.com")
    assert Mask({"anna@example.com": DataKind.EMAIL}, b"x" * 32).mask("anna@example.com") != alone.mask(
        "anna@example.com"
    )


def test_names_are_replaced_as_words_alone() -> None:
    """May is a person, maybe is none; other data is replaced within words, too."""
    mask = Mask({"May": DataKind.PERSON, "Rome": DataKind.LOCATION, "falcon": DataKind.WORD}, _KEY)
    masked = mask.mask("May, Maybe, May's Rome: Jerome? xfalconx")
    assert "Maybe" in masked
    assert "Jerome" in masked
    assert "falcon" not in masked
    assert len(PLACEHOLDER.findall(masked)) == 4
    assert mask.restore(masked) == "May, Maybe, May's Rome: Jerome? xfalconx"


def test_what_json_would_have_to_escape_cannot_be_restored() -> None:
    """At which depth of quotation a model writes a placeholder is not known."""
    for value in ('say "x"', "back\\slash", "two\nlines", "\u2028", "\x00"):
        assert not Mask({value: DataKind.SECRET}, _KEY).restorable
    assert _MASK.restorable
    assert Mask({}, _KEY).mask({"a": ["b"]}) == {"a": ["b"]}


def test_placeholders_of_nobody_stay() -> None:
    """A client may write what looks like one."""
    assert _MASK.restore("[EMAIL_00000000] [EMAIL]") == "[EMAIL_00000000] [EMAIL]"


@given(st.text(alphabet="[]_AELMI0af \n", max_size=60), st.sampled_from(sorted(_VALUES)), st.text(max_size=10))
def test_a_beginning_of_a_placeholder_is_held_back_and_nothing_else(before: str, value: str, after: str) -> None:
    """Wherever a text is cut, what has been let go holds no part of a placeholder."""
    placeholder = _MASK.mask(value)
    text = before + placeholder + after
    for cut in range(len(before) + 1, len(before) + len(placeholder)):
        kept = held_back(text[:cut])
        assert cut - kept <= len(before)
        assert kept <= LONGEST
    assert held_back(before + placeholder) == 0
