"""Whether every declared name can be reached: one that another shadows is never answered by the model that its owner meant."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from hostd.config.consistency import WILDCARDS
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, fine, skipped, warned
from hostd.domain.profile import Settings


def check(context: CheckContext) -> Findings:
    """Return which names are shadowed."""
    if context.problems:
        return skipped("names cannot be compared", "the configuration cannot be read")
    return judge(context.settings)


def judge(settings: Settings) -> Findings:
    """Return a warning for each name of *settings* that is never reached; see `hostd.routing.router` for the order."""
    found = (*_same_but_for_case(settings), *_later_patterns(settings))
    return found or fine("every name, alias and role can be reached")


def _exact(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield names without wildcards, whose each is, and what to call it, in the order in which the router gives way to them."""
    yield from ((name, name, f"the profile '{name}'") for name in settings.profiles)
    for profile in settings.profiles.values():
        yield from (
            (alias, profile.name, f"the alias '{alias}' of '{profile.name}'")
            for alias in profile.aliases
            if not WILDCARDS & set(alias)
        )
    yield from ((name, "", f"the role '{name}'") for name in settings.roles)


def _same_but_for_case(settings: Settings) -> Iterator[CheckFinding]:
    first: dict[str, tuple[str, str]] = {}
    for name, owner, what in _exact(settings):
        whose, other = first.setdefault(name.lower(), (owner, what))
        if whose != owner:
            yield warned(
                f"{what} and {other} are one name", "names are compared without regard to case", "rename one of them"
            )


def _later_patterns(settings: Settings) -> Iterator[CheckFinding]:
    """Yield patterns that an earlier one of another profile covers: the first that matches answers."""
    patterns = [
        (alias, profile.name)
        for profile in settings.profiles.values()
        for alias in profile.aliases
        if WILDCARDS & set(alias)
    ]
    for at, (pattern, name) in enumerate(patterns):
        for earlier, owner in patterns[:at]:
            if owner != name and fnmatchcase(pattern.lower(), earlier.lower()):
                yield warned(
                    f"the alias '{pattern}' of '{name}' is never reached",
                    f"'{earlier}' of '{owner}' matches the same names and comes first, by the names of their files",
                    f"narrow '{earlier}', or rename the file of '{name}' so that it comes before that of '{owner}'",
                )
                break
