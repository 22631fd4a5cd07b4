"""The sender of a request: established once by the gateway, and carried by everything that decides about the request."""

from dataclasses import dataclass
from enum import StrEnum


class Privacy(StrEnum):
    """Where a prompt may be sent: anywhere that the owner has declared, or to engines of this machine alone."""

    ANY = "any"
    LOCAL = "local"


class PrincipalKind(StrEnum):
    """How the sender was established; ``local`` is a program of this machine, which needs no key."""

    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of requests and what it may have.

    *client* is the name that a program gives itself (``x-hostd-client``); it is for accounts, never for permission. *privacy*
    holds for every request of this sender. *allowed* are the profiles that it may use, None for all of them.
    """

    client: str | None = None
    kind: PrincipalKind = PrincipalKind.LOCAL
    privacy: Privacy = Privacy.ANY
    allowed: frozenset[str] | None = None


ANONYMOUS = Principal()
"""A program of this machine that does not say what it is: shared, since most requests come from one."""
