"""About how many tokens a text has, by its bytes, where no engine has counted them.

English has four to five bytes a token, code three, Chinese three (a character), and text in escapes (backslash, u, four digits) up
to nine. Which of these figures is taken depends on what a wrong guess does.
"""

_USUAL = 4
_FEWEST = 3
_MOST = 8
_CAREFUL = 3.5
"""Bytes of a token."""


def estimated_tokens(size: int) -> int:
    """Return about how many tokens *size* bytes are, for sums that an engine has not made; some text is at least one."""
    return -(-size // _USUAL)


def careful_tokens(size: int) -> int:
    """Return about how many tokens *size* bytes are, for a client that makes room for them: too many do less harm than too few."""
    return int(size / _CAREFUL)


def most_tokens(size: int) -> int:
    """Return how many tokens *size* bytes have at most: what a prompt may cost, and how long it may be read."""
    return size // _FEWEST


def fewest_tokens(size: int) -> int:
    """Return how many tokens *size* bytes have at least: so many that a context is too small for sure."""
    return size // _MOST
