"""Text that the owner keeps out of files, and how it stays out of whatever hostd shows."""

from collections.abc import Iterable
from typing import Self

MASK = "***"
SHORTEST_INSIDE = 6
"""Characters from which a secret is looked for inside other text; shorter ones, a digit perhaps, would blot out half of a log."""


class Secret(str):
    """Text from an environment variable: it equals the variable's value, its repr shows the reference only."""

    __slots__ = ("reference",)
    reference: str

    def __new__(cls, text: str, reference: str) -> Self:
        """Return *text*, to be shown as *reference*."""
        secret = super().__new__(cls, text)
        secret.reference = reference
        return secret

    def __repr__(self) -> str:
        return repr(self.reference)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (str(self), self.reference)


def secrets_in(values: Iterable[object]) -> tuple[str, ...]:
    """Return which of *values* are secrets, as plain text, the longest first, so that one inside another leaves nothing over."""
    found = {str(value) for value in values if isinstance(value, Secret) and value}
    return tuple(sorted(found, key=len, reverse=True))


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return *text* with each of *secrets* replaced by `MASK`: those that are all of it, and longer ones wherever they stand."""
    for secret in secrets:
        if text == secret:
            return MASK
        if len(secret) >= SHORTEST_INSIDE:
            text = text.replace(secret, MASK)
    return text


def masked_word(word: str, secrets: Iterable[str]) -> str:
    """Return a *word* of a command line masked, also where a short secret follows the sign of equality."""
    known = tuple(secrets)
    name, sign, value = word.partition("=")
    return name + sign + masked(value, known) if sign and name.startswith("--") else masked(word, known)
