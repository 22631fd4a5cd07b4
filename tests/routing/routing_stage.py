"""Routers of a few profiles, for tests."""

from hostd.domain.catalog import Catalog
from hostd.domain.profile import Profile, Role, Settings
from hostd.domain.ticket import Requirements, Route
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router

PLAIN = Requirements()


def catalog(*profiles: Profile, roles: tuple[Role, ...] = ()) -> Catalog:
    """Return a catalogue of *profiles* and *roles*."""
    return Catalog(Settings(profiles={each.name: each for each in profiles}, roles={role.name: role for role in roles}))


def router(*profiles: Profile, roles: tuple[Role, ...] = ()) -> Router:
    """Return a router of *profiles* and *roles*."""
    return Router(catalog(*profiles, roles=roles))


def ask(asked: str, requirements: Requirements = PLAIN) -> RouteQuery:
    """Return a query of an unrestricted program."""
    return RouteQuery(asked, requirements)


def models(route: Route) -> list[str]:
    """Return the names of a route's targets."""
    return [target.model for target in route.targets]
