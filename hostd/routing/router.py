"""Which profiles may answer a name, and in which order: names, aliases and roles in, routes out."""

import difflib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from hostd.domain.errors import RequestError, UnknownModel
from hostd.domain.profile import FallbackRule, Profile, Role
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Requirements, Route, Target

_EVERY_REASON = frozenset(FallbackReason)


class Router:
    """The names that this host answers to. Names are compared without regard to case."""

    def __init__(self, profiles: Mapping[str, Profile], roles: Mapping[str, Role]) -> None:
        self._profiles = dict(profiles)
        self._roles = {role.name.lower(): role for role in roles.values()}
        self._exact: dict[str, str] = {}
        self._globs: list[tuple[str, str]] = []
        for profile in profiles.values():
            for alias in profile.aliases:
                if set(alias) & set("*?["):
                    self._globs.append((alias.lower(), profile.name))
                else:
                    self._exact[alias.lower()] = profile.name
        self._exact |= {name.lower(): name for name in profiles}
        self._declared = frozenset(self.names())
        self._routes: dict[tuple[str, Requirements], Route] = {}

    def names(self) -> dict[str, str]:
        """Return every name that can be asked for outright and the profile that it means first; no patterns."""
        named = dict.fromkeys(self._profiles)
        listed = {name: name for name in named}
        for profile in self._profiles.values():
            listed |= {alias: profile.name for alias in profile.aliases if not set(alias) & set("*?[")}
        return listed | {role.name: role.use[0] for role in self._roles.values() if role.use}

    def roles_of(self, model: str) -> tuple[str, ...]:
        """Return the roles that may use *model*."""
        return tuple(role.name for role in self._roles.values() if model in role.use)

    def route(self, asked: str, need: Requirements) -> Route:
        """Return the ordered targets for *asked*, leaving out those that lack what the request needs.

        Raises:
            UnknownModel: No profile, alias or role has this name.
            RequestError: The name is known, but nothing on its chain has what the request needs.
        """
        try:
            return self._routes[asked, need]
        except KeyError:
            route = self._make(asked, need)
        if asked in self._declared:
            # Only names as declared are remembered: patterns and spellings would let clients grow this table without end.
            self._routes[asked, need] = route
        return route

    def resolve(self, asked: str) -> str:
        """Return the profile that *asked* means first.

        Raises:
            UnknownModel: No profile, alias or role has this name.
        """
        return self._starts(asked)[0]

    def _starts(self, asked: str) -> tuple[str, ...]:
        name = asked.lower()
        if name in self._exact:
            return (self._exact[name],)
        if role := self._roles.get(name):
            return role.use
        for pattern, profile in self._globs:
            if fnmatchcase(name, pattern):
                return (profile,)
        known = list(self.names())
        close = difflib.get_close_matches(name, [other.lower() for other in known], n=3, cutoff=0.5)
        nearest = tuple(other for other in known if other.lower() in close)
        raise UnknownModel(asked, nearest, tuple(self._profiles))

    def _make(self, asked: str, need: Requirements) -> Route:
        starts = self._starts(asked)
        role = self._roles.get(asked.lower()) if asked.lower() not in self._exact else None
        required = role.require if role else ()
        chain = self._chain(starts)
        if need.embeddings:
            # Another model's vectors live in another space: an index must never mix them.
            chain = chain[:1]
        lacks = {target.model: self._lacks(target.model, need, required) for target in chain}
        what = lacks[chain[0].model]
        fit = [target for target in chain if lacks[target.model] is None]
        while what and fit and FallbackReason.UNFIT not in fit[0].on:
            fit.pop(0)
        if not fit:
            raise RequestError(f"'{asked}' cannot answer this request: {what}", code="unfit", param="model")
        return Route(asked, tuple(fit), FallbackReason.UNFIT if what else None)

    def _chain(self, starts: Iterable[str]) -> tuple[Target, ...]:
        """Return the profiles in *starts*, then their fallbacks level by level, each profile once."""
        level: list[tuple[str | None, FallbackRule]] = [(None, FallbackRule(name)) for name in starts]
        chain: dict[str, Target] = {}
        while level:
            deeper: list[tuple[str | None, FallbackRule]] = []
            for via, step in level:
                if step.to not in chain:
                    chain[step.to] = Target(step.to, step.on, via)
                    deeper += [(step.to, further) for further in self._profiles[step.to].fallback]
            level = deeper
        return tuple(chain.values())

    def _lacks(self, model: str, need: Requirements, required: Iterable[str]) -> str | None:
        can = self._profiles[model].capabilities
        if need.embeddings and not can.embeddings:
            return f"'{model}' makes no embeddings; set 'capabilities: {{embeddings: true}}' in its profile if it can"
        for capability, wanted in (("tools", need.tools), ("vision", need.vision)):
            if wanted and getattr(can, capability) is False:
                return f"'{model}' is declared without {capability}"
        for capability in required:
            if getattr(can, capability) in (False, None):
                return f"the role requires {capability}, which '{model}' does not declare"
        return None
