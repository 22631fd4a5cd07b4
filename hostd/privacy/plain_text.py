"""Text as readers see it: other forms of letters and digits are the plain ones, and what has no width is gone.

Models read full-width digits and addresses with invisible characters between their letters as people do; patterns would not.
"""

import re
import unicodedata
from typing import NamedTuple

_OTHER_FORMS = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\u2010-\u2015\u2024"
    "\u2212\ufe00-\ufe0f\ufe52\ufe6b\ufeff\uff01-\uff5e\uff61-\uff9f"
    "\u2070-\u209c\u2460-\u249b\u00b2\u00b3\u00b9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\U0001d400-\U0001d7ff\U000e0000-\U000e0fff]"
)
_ASCII = bytes(range(128))
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")


class PlainText(NamedTuple):
    """The plain *text* of a written one; *places* has where each character, and the end, stood there. None: where it stands."""

    text: str
    places: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where the characters from *start* to *end* stood in the written text."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def plain(written: str) -> PlainText:
    """Return the plain text of what is *written*."""
    # Of most texts little is not ASCII, and an expression takes six times as long as this to get past the rest.
    if written.isascii() or _OTHER_FORMS.search(_beyond_ascii(written)) is None:
        return PlainText(written)
    pieces: list[str] = []
    places: list[int] = []
    at = 0
    for match in _OTHER_FORMS.finditer(written):
        pieces.append(written[at : match.start()])
        places.extend(range(at, match.start()))
        shown = _shown(match.group())
        pieces.append(shown)
        places.extend([match.start()] * len(shown))
        at = match.end()
    pieces.append(written[at:])
    places.extend(range(at, len(written) + 1))
    return PlainText("".join(pieces), places)


def _beyond_ascii(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")


def _shown(character: str) -> str:
    """Return what a *character* of another form looks like: nothing, where it has no width."""
    if _DASHES.match(character):
        return "-"
    if (
        unicodedata.category(character) in ("Cf", "Mn", "Cn", "Lo")
        and not unicodedata.normalize("NFKC", character).isalnum()
    ):
        return ""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    folded = unicodedata.normalize("NFKC", character)
    return folded if folded.isascii() else character
