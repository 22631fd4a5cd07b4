"""Whether each declared model can ever be served here: its files, its engine, and the memory that this machine has in all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.backends.contract import Backend
from hostd.backends.registry import backends
from hostd.doctor.checks.engines import ENGINES, program_of
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, failed, fine, skipped, warned
from hostd.domain.errors import EngineError
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Settings, Variant
from hostd.hardware.probe import probe
from hostd.models.locations import find_locations
from hostd.sizing.load_options import LoadOptionFinder
from hostd.sizing.variants import BoundVariant


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """Whether a model can be loaded on this machine when nothing else is: *why_not* None where it can.

    *too_large* says that all else is there and the memory is not; *pulls* that what is missing can be downloaded.
    """

    name: str
    why_not: str | None = None
    too_large: bool = False
    pulls: bool = False


def check(context: CheckContext) -> Findings:
    """Return which declared models can never be served on this machine."""
    if context.problems:
        return skipped("the profiles cannot be checked", "the configuration cannot be read")
    if not context.settings.profiles:
        return judge(())
    return judge(gather(context.settings, probe(context.settings.reserve), context.environ))


def gather(settings: Settings, host: Host, environ: Mapping[str, str]) -> tuple[ProfileFacts, ...]:
    """Return what the daemon would say of each model on an empty *host*. Reads headers of files; asks no hub."""
    places = replace(find_locations(environ), offline=True)
    engines = backends(settings.commands, settings=settings.engines)
    finder = LoadOptionFinder(places, engines)
    return tuple(_facts(finder, profile, host, settings, engines) for profile in settings.profiles.values())


def _facts(
    finder: LoadOptionFinder, profile: Profile, host: Host, settings: Settings, engines: Mapping[str, Backend]
) -> ProfileFacts:
    found = finder.find(profile, host)
    pulls = any((each.hf or each.tag) and each.url is None for each in profile.variants)
    if found.why_not is not None:
        return ProfileFacts(profile.name, found.why_not, bool(found.options), pulls)
    # An option says that there is room; whether the engine is there, a load would find out.
    lacking = {number: _lacking(profile, each, settings, engines) for number, each in enumerate(profile.variants)}
    if any(lacking[option.variant] is None for option in found.options):
        return ProfileFacts(profile.name)
    said = (f"{profile.variants[number].label}: {why}" for number, why in lacking.items() if why is not None)
    return ProfileFacts(profile.name, "; ".join(said), pulls=pulls)


def _lacking(profile: Profile, variant: Variant, settings: Settings, engines: Mapping[str, Backend]) -> str | None:
    """Return why *variant* cannot be started here, whatever the memory: for want of its weights, or of its engine."""
    if (why_not := BoundVariant.of(variant, engines).why_not) is not None:
        return why_not
    if variant.backend not in ENGINES or variant.url is not None:
        return None
    try:
        program_of(variant.backend, settings)
        if variant.tag is not None:
            engines[variant.backend].check(profile, variant, None)
    except EngineError as error:
        return error.message
    return None


def judge(models: Sequence[ProfileFacts]) -> Findings:
    """Return a failure for each of *models* that cannot be served."""
    if not models:
        return (warned("no model is declared", "so there is nothing to answer requests with", "hostd init"),)
    broken = tuple(_broken(each, each.why_not) for each in models if each.why_not is not None)
    count = len(models)
    return broken or fine(
        f"{'the declared model' if count == 1 else f'all {count} declared models'} can be served here"
    )


def _broken(model: ProfileFacts, why: str) -> CheckFinding:
    if model.too_large:
        return failed(f"'{model.name}' can never fit on this machine", why, f"hostd plan {model.name}")
    remedy = f"hostd pull {model.name}" if model.pulls else "correct its variants, then run: hostd config check"
    return failed(f"'{model.name}' cannot be served here", why, remedy)
