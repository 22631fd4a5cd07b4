"""From a name to the targets that may answer: names, aliases, patterns and roles in, routes out.

A name stands for a chain: the profiles that it means and their fallbacks. Permission, privacy and capability each assess the
whole chain, so that none can be got round by what another has dropped before; further policies rank what these three keep.
Routes by the first three depend on nothing but the name, what the request needs and how private it is, so they are made once.
A prompt that is long for sure passes over targets whose context is smaller.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from hostd.domain.capability import Findings
from hostd.domain.catalog import Catalog
from hostd.domain.context_fit import Overflow
from hostd.domain.errors import RequestError, UnknownModel
from hostd.domain.locality import why_not_local
from hostd.domain.principal import Principal, Privacy
from hostd.domain.profile import FallbackRule, Role, Settings
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Priority, Requirements, Route, Target
from hostd.routing.capability import CapabilityPolicy
from hostd.routing.cascade.ladder import cheapest_first, ladder, upward
from hostd.routing.context_length import fitting
from hostd.routing.policy import Dropped, RoutePolicy, RouteQuery
from hostd.routing.privacy import AccessPolicy, PrivacyPolicy
from hostd.routing.rules import RulesPolicy
from hostd.routing.session import SessionPolicy
from hostd.routing.stage import StagePolicy
from hostd.routing.sufficiency import Assess, SufficiencyPolicy

LONGEST_NAME = 200
"""Characters of a name that can be one; longer ones are unknown without a search, which takes its time by the length."""
_MOST_COMPARED = 100_000
"""Characters that are compared at most to find the nearest names; so many take some ten milliseconds."""
_WILDCARDS = frozenset("*?[")
_Key = tuple[str, Requirements, Privacy, Privacy, frozenset[str] | None]


class Router:
    """The names that this host answers to, and the routes behind them. Names are compared without regard to case.

    After permission, privacy and capability, the requests of a role with rules, or with models that suffice for some only, go
    through further steps, of which the first that has a verdict decides: the stage of an agent, `sessions`, rules, and what
    *assess* makes of the prompt. *findings* are what a probe has found.
    """

    def __init__(self, catalog: Catalog, findings: Findings | None = None, assess: Assess | None = None) -> None:
        self._catalog = catalog
        self.findings = findings = Findings() if findings is None else findings
        self._privacy = PrivacyPolicy(catalog)
        self._policies: tuple[RoutePolicy, ...] = (AccessPolicy(), self._privacy, CapabilityPolicy(catalog, findings))
        self.sessions = SessionPolicy()
        steps: list[RoutePolicy] = [StagePolicy(catalog, self.sessions), self.sessions, RulesPolicy()]
        self._by_content = steps if assess is None else [*steps, SufficiencyPolicy(catalog, assess, self.sessions)]
        self._index = _NameIndex(catalog.settings)
        self._routes: dict[_Key, Route] = {}
        self._revision = 0

    def names(self) -> dict[str, str]:
        """Return every name that can be asked for outright and the profile that it means first; no patterns."""
        return dict(self._names().listed)

    def roles_of(self, model: str) -> tuple[str, ...]:
        """Return the roles that may use *model*."""
        return tuple(role.name for role in self._catalog.roles.values() if model in role.use)

    def route(self, query: RouteQuery, now: float = 0.0) -> Route:
        """Return the targets that may answer *query*, first choice first. *now* is on the scheduler's clock (seconds).

        Raises:
            UnknownModel: No profile, alias or role has this name.
            RequestError: The name is known, but nothing on its chain may or can answer this request.
        """
        names, principal = self._names(), query.principal
        key = (query.asked, query.requirements, query.privacy, principal.privacy, principal.allowed)
        route = self._routes.get(key)
        if route is None:
            route = self._make(query, names, now)
            if query.asked in names.listed:
                # Only names as declared are remembered: patterns and spellings would let clients grow this table without end.
                self._routes[key] = route
        if query.tokens:
            route = fitting(route, query.tokens, self._catalog.profiles)
        return route if query.features is None else self._ranked(query, route, now)

    def known(
        self, asked: str, requirements: Requirements, principal: Principal, privacy: Privacy, tokens: int = 0
    ) -> Route | None:
        """Return what `route` would for a query of this; None where no such route was made before, or what a request says decides.

        Nearly every request is like one before it, and needs no query.
        """
        if self._names().any_by_content and self.role_by_content(asked) is not None:
            return None
        route = self._routes.get((asked, requirements, privacy, principal.privacy, principal.allowed))
        return fitting(route, tokens, self._catalog.profiles) if tokens and route is not None else route

    def role_by_content(self, asked: str) -> Role | None:
        """Return the role that *asked* is, where its requests are routed by what they say; None where it is no such role."""
        names = self._names()
        role = names.role(asked) if names.any_by_content else None
        return role if role is not None and _is_by_content(role) else None

    def resolve(self, asked: str) -> str:
        """Return the profile that *asked* means first.

        Raises:
            UnknownModel: No profile, alias or role has this name.
        """
        return self._names().find(asked)[0][0]

    def _names(self) -> "_NameIndex":
        if self._index.settings is not self._catalog.settings:
            self._index = _NameIndex(self._catalog.settings)
            self._routes.clear()
        if self._revision != self.findings.revision:
            self._revision = self.findings.revision
            self._routes.clear()
        return self._index

    def _make(self, query: RouteQuery, names: "_NameIndex", now: float) -> Route:
        starts, role = names.find(query.asked)
        chain = self._chain(starts)
        dropped: dict[str, Dropped] = {}
        for policy in self._policies:
            for each in policy.apply(query, chain, role, now).dropped:
                dropped.setdefault(each.target.model, each)
        kept, reason = _left(chain, dropped)
        if not kept:
            firm = {model: each for model, each in dropped.items() if not each.would_do}
            kept, reason = _left(chain, firm)
            if not kept:
                raise _nothing_left(query, firm.get(chain[0].model) or next(iter(firm.values())))
        private = self._privacy.is_private(query, chain)
        thinking = None if role is None else role.thinking
        priority = (role and role.priority) or Priority.INTERACTIVE
        leaves = any(why_not_local(self._catalog.profiles[target.model]) is not None for target in kept)
        keeps = any(self._catalog.profiles[target.model].kv.save for target in kept)
        route = Route(
            query.asked, tuple(kept), reason, private, chain[0].model, thinking, priority, leaves, keeps=keeps
        )
        if role is None:
            return route
        if (cascade := role.cascade) is not None:
            # Only now: how private the route is depends on which profile its owner names first, not on what that costs.
            rungs = ladder(role.use, self._catalog.profiles)
            route = replace(route, targets=upward(cheapest_first(route.targets, rungs), rungs), cascade=cascade)
        fit = role.context if role.context is not None and role.context.overflow is Overflow.FIT else None
        return replace(route, role=role.name, budget=role.budget, safety=role.safety, fit=fit)

    def _ranked(self, query: RouteQuery, route: Route, now: float) -> Route:
        role = self._names().role(query.asked)
        for policy in self._by_content:
            ranked = policy.apply(query, route.targets, role, now)
            if ranked.why:
                targets = ranked.kept
                if role is not None and role.cascade is not None:
                    targets = upward(targets, ladder(role.use, self._catalog.profiles))
                return replace(
                    route, targets=targets, why=ranked.why, difficulty=ranked.difficulty, meanwhile=ranked.meanwhile
                )
        return route

    def _chain(self, starts: Iterable[str]) -> tuple[Target, ...]:
        """Return the profiles in *starts*, then their fallbacks level by level, each profile once."""
        level: list[tuple[str | None, FallbackRule]] = [(None, FallbackRule(name)) for name in starts]
        chain: dict[str, Target] = {}
        while level:
            deeper: list[tuple[str | None, FallbackRule]] = []
            for via, step in level:
                if step.to not in chain:
                    chain[step.to] = Target(step.to, step.on, via)
                    deeper += [(step.to, further) for further in self._catalog.profiles[step.to].fallback]
            level = deeper
        return tuple(chain.values())


_LATEST = ":latest"
"""The tag that Ollama's clients add to a name without one, or leave out."""


class _NameIndex:
    """The names in *settings*, folded for look-ups."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.listed = {name: name for name in settings.profiles}
        self._exact: dict[str, str] = {}
        self._globs: list[tuple[str, str]] = []
        for profile in settings.profiles.values():
            for alias in profile.aliases:
                if _WILDCARDS & set(alias):
                    self._globs.append((alias.lower(), profile.name))
                else:
                    self._exact[alias.lower()] = self.listed[alias] = profile.name
        self._exact |= {name.lower(): name for name in settings.profiles}
        self._roles = {role.name.lower(): role for role in settings.roles.values()}
        self.any_by_content = any(map(_is_by_content, settings.roles.values()))
        self.listed |= {role.name: role.use[0] for role in settings.roles.values() if role.use}

    def role(self, asked: str) -> Role | None:
        """Return the role that *asked* means, None where it is none."""
        name = asked.lower()
        return next((self._roles[each] for each in (name, name.removesuffix(_LATEST)) if each in self._roles), None)

    def find(self, asked: str) -> tuple[tuple[str, ...], Role | None]:
        """Return the profiles that *asked* means, first choice first, and the role if it is one.

        Raises:
            UnknownModel: No profile, alias or role has this name; it carries the nearest.
        """
        if len(asked) > LONGEST_NAME:
            raise UnknownModel(asked, (), tuple(self.settings.profiles))
        name = asked.lower()
        for spelled in (name, name.removesuffix(_LATEST), name + _LATEST):
            if spelled in self._exact:
                return (self._exact[spelled],), None
            if role := self._roles.get(spelled):
                return role.use, role
        for pattern, profile in self._globs:
            if fnmatchcase(name, pattern):
                return (profile,), None
        if len(asked) * len(self.listed) > _MOST_COMPARED:
            raise UnknownModel(asked, (), tuple(self.settings.profiles))
        close = difflib.get_close_matches(name, [other.lower() for other in self.listed], n=3, cutoff=0.5)
        nearest = tuple(other for other in self.listed if other.lower() in close)
        raise UnknownModel(asked, nearest, tuple(self.settings.profiles))


def _is_by_content(role: Role) -> bool:
    return bool(role.route or role.suffices)


def _left(chain: Sequence[Target], dropped: Mapping[str, Dropped]) -> tuple[list[Target], FallbackReason | None]:
    """Return the targets of *chain* that are left, and why the first is not among them (None: it is)."""
    first = dropped.get(chain[0].model)
    kept = [target for target in chain if target.model not in dropped]
    reason = None if first is None else _reason(first)
    # What may stand in for a model that cannot answer may stand in for one that must not.
    while reason and kept and not kept[0].on & {reason, FallbackReason.UNFIT}:
        kept.pop(0)
    return kept, reason


def _reason(dropped: Dropped) -> FallbackReason:
    return FallbackReason.PRIVACY if dropped.code == "privacy" else FallbackReason.UNFIT


def _nothing_left(query: RouteQuery, dropped: Dropped) -> RequestError:
    verb = "cannot" if dropped.code == "unfit" else "may not"
    return RequestError(
        f"'{query.asked}' {verb} answer this request: {dropped.why}",
        code=dropped.code,
        status=dropped.status,
        param="model",
    )
