"""The sender of a request: established once by the gateway, and carried by everything that decides about the request."""

from dataclasses import dataclass
from enum import StrEnum

from hostd.domain.budget import Budget
from hostd.domain.ticket import Priority


class Privacy(StrEnum):
    """Where a prompt may be sent: anywhere that the owner has declared, or to engines of this machine alone."""

    ANY = "any"
    LOCAL = "local"


class PrincipalKind(StrEnum):
    """How the sender was established: ``local`` is a program of this machine, which needs no key, ``key`` showed one."""

    LOCAL = "local"
    KEY = "key"


class KeyScope(StrEnum):
    """What the sender may do: ask models, or besides see and steer the daemon itself."""

    INFERENCE = "inference"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of requests and what it may have.

    *client* is the name of its key; where none was needed, the one that a program gives itself (``x-hostd-client``), which is for
    accounts, never for permission. *privacy* holds for every request of this sender, and none is more urgent than *priority*.
    *allowed* are the profiles that it may use, None for all of them, and *budget* is what it may use up.
    """

    client: str | None = None
    kind: PrincipalKind = PrincipalKind.LOCAL
    privacy: Privacy = Privacy.ANY
    allowed: frozenset[str] | None = None
    scope: KeyScope = KeyScope.ADMIN
    priority: Priority = Priority.INTERACTIVE
    budget: Budget | None = None

    def may_use(self, profile: str) -> bool:
        """Return whether the models of *profile* may answer this sender."""
        return self.allowed is None or profile in self.allowed


ANONYMOUS = Principal()
"""A program of this machine that does not say what it is: shared, since most requests come from one."""
