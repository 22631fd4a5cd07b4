"""The sender of a request, established once, and what the headers of a request ask of hostd."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from multidict import istr

from hostd.domain.errors import RequestError
from hostd.domain.principal import ANONYMOUS, Principal, Privacy
from hostd.domain.ticket import Priority
from hostd.domain.units import parse_duration

_Value = TypeVar("_Value")

# Their case is folded here once, and not at each look-up.
_CLIENT, _TIMEOUT = istr("X-Hostd-Client"), istr("X-Hostd-Timeout")
_PRIORITY, _PRIVACY = istr("X-Hostd-Priority"), istr("X-Hostd-Privacy")
_PRIORITIES = {priority.name.lower(): priority for priority in Priority}
_PRIVACIES = {privacy.value: privacy for privacy in Privacy}


class RequestOptions(NamedTuple):
    """What a client asks for one request. *timeout* in seconds bounds it, waiting included."""

    timeout: float | None = None
    priority: Priority = Priority.INTERACTIVE
    privacy: Privacy = Privacy.ANY


_NO_OPTIONS = RequestOptions()


def identify(headers: Mapping[str, str]) -> Principal:
    """Return the sender of a request with *headers*: a program of this machine, named by ``x-hostd-client`` where it says so."""
    client = headers.get(_CLIENT)
    return ANONYMOUS if client is None else Principal(client)


def options_of(headers: Mapping[str, str]) -> RequestOptions:
    """Return the options that *headers* set.

    Raises:
        RequestError: One of them makes no sense; it is named.
    """
    timeout, priority, privacy = headers.get(_TIMEOUT), headers.get(_PRIORITY), headers.get(_PRIVACY)
    if timeout is priority is privacy is None:
        return _NO_OPTIONS
    return RequestOptions(
        None if timeout is None else _seconds(timeout),
        Priority.INTERACTIVE if priority is None else _one_of(_PRIORITIES, "x-hostd-priority", priority),
        Privacy.ANY if privacy is None else _one_of(_PRIVACIES, "x-hostd-privacy", privacy),
    )


def _seconds(given: str) -> float:
    try:
        return float(given) if given.replace(".", "", 1).isdigit() else parse_duration(given)
    except ValueError as error:
        raise RequestError(f"x-hostd-timeout: {error}", code="bad_request", param="x-hostd-timeout") from None


def _one_of(known: Mapping[str, _Value], header: str, given: str) -> _Value:
    try:
        return known[given.strip().lower()]
    except KeyError:
        # A client that asks for privacy in words that are not known must not be served without it.
        words = " nor ".join(f"'{word}'" for word in known)
        raise RequestError(f"{header}: '{given}' is neither {words}", code="bad_request", param=header) from None
