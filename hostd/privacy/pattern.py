"""One form in which private data is written, and how it is found in a text.

Conversations have hundreds of kilobytes, of which next to nothing looks like an identifier. A pattern is therefore tried only
around its anchors, which cost a fraction to look for: a literal, or a digit with others near it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hostd.domain.private_data import DataKind

_CONTEXT = 40
"""Characters before a number in which a word has to stand that says what it is."""


class Detected(NamedTuple):
    """Private data from *start* to *end* of a text."""

    start: int
    end: int
    kind: DataKind


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Where patterns are tried: *before* characters before each of *literals*, or match of *form*, to *after* behind its end."""

    before: int
    after: int
    form: re.Pattern[str] | None = None
    literals: tuple[str, ...] = ()

    def windows(self, text: str, lowered: str) -> list[tuple[int, int]]:
        """Return the parts of *text* to look at, apart from one another and in order; literals are looked for in *lowered*."""
        spans = [match.span() for match in self.form.finditer(text)] if self.form else []
        for literal in self.literals:
            at = lowered.find(literal)
            while at >= 0:
                spans.append((at, at + len(literal)))
                at = lowered.find(literal, at + len(literal))
        spans.sort()
        windows: list[tuple[int, int]] = []
        for start, end in spans:
            low, high = max(0, start - self.before), min(len(text), end + self.after)
            if windows and low <= windows[-1][1]:
                windows[-1] = (windows[-1][0], max(high, windows[-1][1]))
            else:
                windows.append((low, high))
        return windows


@dataclass(frozen=True, slots=True, eq=False)
class DataPattern:
    """Matches of *form* around *anchor* are data of *kind* where *check* says so.

    With *context*, a word that it matches has to stand shortly before. Where *form* has a group ``value``, that is the data, else
    the whole match.
    """

    kind: DataKind
    anchor: Anchor
    form: re.Pattern[str]
    check: Callable[[str], bool] | None = None
    context: re.Pattern[str] | None = None

    def find(self, text: str, low: int, high: int) -> Iterator[Detected]:
        """Yield such data between *low* and *high* of *text*."""
        group = "value" if "value" in self.form.groupindex else 0
        for match in self.form.finditer(text, low, high):
            start, end = match.span(group)
            known = self.check is None or self.check(match[group])
            if known and (self.context is None or self.context.search(text, max(0, start - _CONTEXT), start)):
                yield Detected(start, end, self.kind)


NUMBERS = Anchor(3, 12, re.compile(r"[0-9][0-9 .()/\-\u00a0]{5,40}[0-9]"))
"""Numbers of seven digits and more, however they are written."""
# Written twice, a digit is looked for in half the time that it takes with {2}.
LETTERS_AND_DIGITS = Anchor(14, 48, re.compile(r"[0-9][0-9](?:(?<=[A-Za-z]..)|(?<=[A-Za-z][ \u00a0-]..))"))
"""Identifiers that have letters before their digits."""


def digits_of(text: str) -> str:
    """Return the digits in *text*."""
    return "".join(each for each in text if each.isdigit())


def compact(text: str) -> str:
    """Return the letters and digits in *text*, in upper case."""
    return "".join(each for each in text if each.isalnum()).upper()
