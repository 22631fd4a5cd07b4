"""Which targets may see a request: those that its sender may use, and of a private one those of this machine alone.

Fails closed: a target that is not *known* to be local is dropped. A request is private if it says so itself
(``x-hostd-privacy: local``), if its sender is restricted to this machine, or if the profile that it asks for is private. The
fallbacks of a private profile are held to the same, wherever in a route they stand.
"""

from collections.abc import Sequence

from hostd.domain.catalog import Catalog
from hostd.domain.locality import why_not_local
from hostd.domain.principal import Privacy
from hostd.domain.profile import Role
from hostd.domain.ticket import Target
from hostd.routing.policy import Dropped, Ranked, RouteQuery, split


class PrivacyPolicy:
    """Drops targets outside this machine from the routes of private requests."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def is_private(self, query: RouteQuery, targets: Sequence[Target]) -> bool:
        """Return whether every target of *query* has to be local."""
        return query.private or self._catalog.profiles[targets[0].model].privacy == Privacy.LOCAL

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Keep the targets that may see the prompt."""
        cause = self._cause(query, targets)
        confined: set[str] = set()
        dropped: dict[str, Dropped] = {}
        for target in targets:
            profile = self._catalog.profiles[target.model]
            if cause or profile.privacy == Privacy.LOCAL or target.via in confined:
                confined.add(target.model)
                if (why := why_not_local(profile)) is not None:
                    reason = cause or f"it is a fallback of '{target.via}', which is private"
                    dropped[target.model] = Dropped(target, f"{why}, and {reason}", code="privacy", status=403)
        return split(targets, dropped)

    def _cause(self, query: RouteQuery, targets: Sequence[Target]) -> str | None:
        if query.privacy == Privacy.LOCAL:
            if query.kept_here:
                return query.kept_here
            return "the request must not leave it (x-hostd-privacy: local)"
        if query.principal.privacy == Privacy.LOCAL:
            return "no request of this client may leave it"
        first = self._catalog.profiles[targets[0].model]
        return f"'{first.name}' is private (privacy: local)" if first.privacy == Privacy.LOCAL else None


class AccessPolicy:
    """Drops targets that the sender of a request may not use."""

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Keep the targets that the sender may use."""
        allowed = query.principal.allowed
        if allowed is None:
            return Ranked(tuple(targets))
        why = "this client may not use it; ask for a model that GET /v1/models lists for it"
        return split(
            targets,
            {each.model: Dropped(each, why, "model_not_allowed", 403) for each in targets if each.model not in allowed},
        )
