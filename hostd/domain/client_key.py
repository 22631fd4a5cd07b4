"""A client's key as the owner keeps it: its hash, and what it opens."""

from dataclasses import dataclass

from hostd.domain.budget import Budget
from hostd.domain.principal import KeyScope, Principal, PrincipalKind, Privacy
from hostd.domain.ticket import Priority


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One key. *digest* is its SHA-256; *created* and *expires* are seconds since 1970, *models* None for all profiles."""

    name: str
    digest: bytes
    created: float
    expires: float | None = None
    scope: KeyScope = KeyScope.INFERENCE
    models: frozenset[str] | None = None
    privacy: Privacy = Privacy.ANY
    priority: Priority = Priority.INTERACTIVE
    budget: Budget | None = None

    @property
    def principal(self) -> Principal:
        """The sender of requests with this key."""
        return Principal(
            self.name, PrincipalKind.KEY, self.privacy, self.models, self.scope, self.priority, self.budget
        )
