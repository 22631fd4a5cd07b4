"""What becomes of characters that a terminal acts upon."""

import json

import pytest

from hostd.domain.control_characters import escaped


@pytest.mark.parametrize(
    "code", [0, 7, 8, 0x0B, 0x0D, 0x1B, 0x1F, 0x7F, 0x80, 0x9B, 0x9F, 0x2028, 0x202A, 0x202E, 0x2066, 0x2069]
)
def test_a_control_character_is_written_as_its_number(code: int) -> None:
    """It is seen, it does nothing, and JSON that holds it means the same."""
    assert f"a\\u{code:04x}b" == escaped(f"a{chr(code)}b")
    document = json.dumps({"k": f"a{chr(code)}b"}, ensure_ascii=False)
    assert json.loads(escaped(document)) == {"k": f"a{chr(code)}b"}


def test_what_people_write_stays() -> None:
    """Letters of all scripts, emoji and tabs pass; newlines where text has lines."""
    text = "naïve\t日本 👩‍💻 é\\u001b"
    assert text == escaped(text)
    assert "a\nb" == escaped("a\nb", lines=True)
    assert "a\\u000ab" == escaped("a\nb")
