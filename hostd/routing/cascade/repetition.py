"""The answer goes round in a circle, as small models do: its end says one thing again and again."""

import re

from hostd.routing.cascade.said import Asked, Said

MOST_READ = 8_000
"""Characters of the end that are looked at."""
_LEAST_TEXT = 240
_TIMES = 6
_LONGEST_PERIOD = 600
_WORDS = re.compile(r"\w+")
_LEAST_WORDS = 120
_NGRAM = 6
_LEAST_DISTINCT = 0.25
"""Share of distinct runs of six words below which a text is a circle with small changes; prose has 0.9 and more, tables 0.5."""


def failure(asked: Asked, said: Said) -> str | None:  # noqa: ARG001 - as every check is called
    """Return that the text, or the thought before it, repeats itself; None where it does not."""
    for what, text in (("the answer", said.text), ("the thought", said.answer.piece.reasoning)):
        if (period := period_at_end(text[-MOST_READ:])) is not None:
            return f"{what} ends with the same {period} characters again and again"
        if _says_little(text[-MOST_READ:]):
            return f"{what} repeats itself"
    return None


def period_at_end(text: str) -> int | None:
    """Return after how many characters the end of *text* repeats itself, at least six times and over 240 characters.

    None where it does not. Whitespace and rules are no text.
    """
    tail, length = text.rstrip()[::-1], _LEAST_TEXT
    while length <= min(len(tail), 2 * _LONGEST_PERIOD * _TIMES):
        period = _shortest_period(tail[:length], length // _TIMES)
        if period is not None and tail[:period].strip(" \n-=_.*|#\t"):
            return period
        length *= 2
    return None


def _shortest_period(text: str, most: int) -> int | None:
    """Return after how many characters, *most* at most, *text* repeats itself throughout; None where it does not."""
    return next((period for period in range(1, most + 1) if text.startswith(text[period:])), None)


def _says_little(text: str) -> bool:
    words = _WORDS.findall(text.lower())
    if len(words) < _LEAST_WORDS:
        return False
    runs = len(words) - _NGRAM + 1
    return len({tuple(words[at : at + _NGRAM]) for at in range(runs)}) < _LEAST_DISTINCT * runs
