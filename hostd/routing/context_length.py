"""Which target of a route is the first to hold a prompt: a guess by its bytes, since only an engine counts tokens.

The guess spares a long prompt the load of a model that would refuse it. It never refuses one itself: where no target is known
to be larger, the route stays as it is.
"""

from collections.abc import Mapping
from dataclasses import replace

from hostd.domain.profile import Profile
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Route


def has_room(profile: Profile, tokens: int) -> bool:
    """Return whether the context of *profile* has room for *tokens*; one that names none is taken to have it."""
    return tokens <= (profile.context or tokens)


def fitting(route: Route, tokens: int, profiles: Mapping[str, Profile]) -> Route:
    """Return *route* from its first target on that has room for *tokens*."""
    for index, target in enumerate(route.targets):
        if not has_room(profiles[target.model], tokens):
            continue
        if index == 0:
            return route
        if route.open_to(index, FallbackReason.CONTEXT_TOO_LONG, 0):
            return replace(route, targets=route.targets[index:], reason=FallbackReason.CONTEXT_TOO_LONG)
    return route
