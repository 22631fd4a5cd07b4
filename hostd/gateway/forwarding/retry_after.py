"""For how long a server that refuses a request wants to be left alone.

``Retry-After`` is a number of seconds or a date (RFC 9110, section 10.2.3). Google's servers have it in the body instead, as
``retryDelay`` of a ``google.rpc.RetryInfo``.
"""

import re
from email.utils import parsedate_to_datetime

_REFUSALS = frozenset({429, 503, 529})
"""Too many requests, unavailable, and Anthropic's word for overloaded."""
LONGEST = 3600.0
"""Seconds that are believed: a clock that is wrong, or a joke, must not keep a provider away for a year."""

_DELAY = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"')
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")


def wait_asked_for(status: int, header: str, body: bytes, now: float) -> float | None:
    """Return the seconds that an answer of *status* asks for; None where it asks for none. *now* is in seconds since 1970."""
    if status not in _REFUSALS:
        return None
    seconds = _of_header(header.strip(), now)
    if seconds is None and (found := _DELAY.search(body)) is not None:
        seconds = float(found[1])
    return None if seconds is None else min(LONGEST, max(0.0, seconds))


def _of_header(header: str, now: float) -> float | None:
    if _SECONDS.fullmatch(header):
        return float(header)
    try:
        return parsedate_to_datetime(header).timestamp() - now
    except ValueError:
        return None
