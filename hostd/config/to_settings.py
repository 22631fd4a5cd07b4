"""Conversion of validated files to settings: defaults are merged key by key, paths become absolute."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hostd.config.budget import BudgetSection
from hostd.config.host_file import HostFile, ProviderSection
from hostd.config.profile_file import ProfileFile, ProfileWarmSection
from hostd.config.role import RoleSection, RuleSection
from hostd.config.section import Section
from hostd.domain.budget import Budget, Limit, Measure, Period
from hostd.domain.cascade import CascadeSettings
from hostd.domain.context_fit import FitSettings
from hostd.domain.host import Reserve
from hostd.domain.model_choice import Suffices
from hostd.domain.principal import Privacy
from hostd.domain.private_data import PrivacySettings
from hostd.domain.profile import (
    CARD_WAIT,
    Capabilities,
    EngineSettings,
    FallbackRule,
    HostBudgets,
    KvSettings,
    Limits,
    Price,
    Profile,
    Role,
    Variant,
    WarmSettings,
)
from hostd.domain.reason import USUAL_REASONS
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.domain.schedule import ActiveWindow
from hostd.domain.secret import Secret
from hostd.domain.server_settings import KeySettings, ServerSettings


def profile(checked: ProfileFile, folder: Path, host: HostFile) -> Profile:
    """Return the profile in *checked*; its paths are relative to *folder*, its defaults are those of *host*.

    A key whose value needs no conversion needs no code here: it sets the profile's field of the same name.
    """
    limits = Limits(**host.limits.written() | checked.limits.written())
    converted = {
        "variants": tuple(_variant(variant, folder) for variant in checked.variants),
        "slots": checked.slots or limits.max_concurrent,
        "draft": below(folder, checked.draft) if is_file(checked.draft) else checked.draft,
        "warm": _warm_settings(host, checked.warm),
        "limits": limits,
        "privacy": Privacy(checked.privacy),
        "fallback": tuple(
            FallbackRule(to=item.to, on=frozenset(item.on or USUAL_REASONS)) for item in checked.fallback
        ),
        "capabilities": Capabilities(**checked.capabilities.written()),
        "kv": KvSettings(save=(checked.kv if "save" in checked.kv.written() else host.kv).save),
        "price": None if checked.price is None else Price(**checked.price.written()),
    }
    return Profile(**{name: _frozen(value) for name, value in checked.written().items()} | converted)


def with_draft(given: Profile, others: Mapping[str, Profile]) -> Profile:
    """Return a profile with the file of its draft model, or its reference, where it names one of the *others*."""
    path = draft_file(others[given.draft]) if given.draft in others else None
    return given if path is None else replace(given, draft=path)


def draft_file(small: Profile) -> str | None:
    """Return the file that drafts where another profile names this one, or its reference on the hub; None where it has none."""
    served = [each for each in small.variants if each.backend == "llamacpp"]
    files = (each.path for each in served if each.path)
    on_hub = (f"hf:{each.hf}/{each.file}" if each.file else f"hf:{each.hf}" for each in served if each.hf)
    return next(files, None) or next(on_hub, None)


def is_file(draft: str) -> bool:
    """Return whether *draft* is a file of this machine."""
    return draft.endswith(".gguf") and not draft.startswith("hf:")


def roles(host: HostFile) -> Mapping[str, Role]:
    """Return the roles in *host* by name."""
    return MappingProxyType(
        {
            name: Role(
                name,
                tuple(role.use),
                tuple(role.require),
                role.thinking,
                role.priority,
                tuple(map(_rule, role.route)),
                _budget(role.budget),
                role.safety,
                suffices=_suffices(role),
                stages=role.stages,
                context=_context(role),
                cascade=None if role.cascade is None else CascadeSettings(**_frozen_values(role.cascade)),
                minute_usd=role.minute_usd,
            )
            for name, role in host.roles.items()
        }
    )


def _suffices(checked: RoleSection) -> Suffices:
    return MappingProxyType({name: _frozen(each.written()) for name, each in checked.suffices.items()})


def _context(checked: RoleSection) -> FitSettings | None:
    return None if checked.context is None else FitSettings(**checked.context.written())


def _frozen_values(checked: Section) -> dict[str, Any]:
    return {word: _frozen(value) for word, value in checked.written().items()}


def _rule(checked: RuleSection) -> RouteRule:
    when = checked.when.written()
    times = tuple(ActiveWindow(window.days, window.start, window.end) for window in checked.when.times)
    given = {word: _frozen(value) for word, value in when.items() if word != "times"}
    return RouteRule(tuple(checked.to), Condition(times=times, **given))


def commands(host: HostFile, folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the command of each backend that has one in *host*; a program with a slash is relative to *folder*."""
    found: dict[str, tuple[str, ...]] = {}
    for backend, engine in host.backends:
        if engine is not None and engine.command is not None:
            program, *arguments = engine.command
            found[backend] = (below(folder, program) if "/" in program else program, *arguments)
    return MappingProxyType(found)


def engines(host: HostFile) -> Mapping[str, EngineSettings]:
    """Return what *host* says of each backend's engines beside their command."""
    return MappingProxyType(
        {
            backend: EngineSettings(MappingProxyType(dict(engine.env)), engine.stop_grace)
            for backend, engine in host.backends
            if engine is not None and (engine.env or engine.stop_grace is not None)
        }
    )


def budgets(host: HostFile) -> HostBudgets:
    """Return what may be used up by *host* as a whole, by each session, and at each provider."""
    providers = {name: budget for name, each in host.providers.items() if (budget := _provider_budget(each))}
    return HostBudgets(_budget(host.budgets.host), _budget(host.budgets.session), MappingProxyType(providers))


def _provider_budget(checked: ProviderSection) -> Budget | None:
    own = _budget(checked.budget)
    if checked.daily_usd is None:
        return own
    return Budget((Limit(Measure.USD, Period.DAY, checked.daily_usd),)).joined(own or Budget())


def _budget(checked: BudgetSection | None) -> Budget | None:
    if checked is None:
        return None
    limits = [Limit(measure, period, most) for period in Period for measure, most in getattr(checked, period)]
    return Budget(tuple(limits), checked.at_limit) if limits else None


def reserve(host: HostFile) -> Reserve:
    """Return the memory that models may not use."""
    return Reserve(**host.memory.reserve.written())


def privacy(host: HostFile) -> PrivacySettings:
    """Return what becomes of private data in requests that may leave the machine."""
    return PrivacySettings(**_frozen_values(host.privacy))


def card_wait(host: HostFile) -> float:
    """Return for how many seconds a boot waits for cards."""
    return CARD_WAIT if host.memory.card_wait is None else host.memory.card_wait


def server(host: HostFile) -> ServerSettings:
    """Return what *host* says of hostd's own server, the addresses apart."""
    written = {word: value for word, value in host.server.written().items() if word != "listen" and value is not None}
    return ServerSettings(**{word: _frozen(value) for word, value in written.items()})


def keys(host: HostFile, folder: Path) -> KeySettings:
    """Return where *host* keeps its clients' keys; the file is relative to *folder*."""
    file = host.keys.file
    return KeySettings(None if file is None else below(folder, file), host.keys.loopback)


def below(folder: Path, path: str) -> str:
    """Return *path* as an absolute path relative to *folder*, with its ``~`` expanded."""
    full = str(folder.absolute() / os.path.expanduser(path))  # noqa: PTH111  # pathlib's raises for an unknown user
    return Secret(full, path.reference) if isinstance(path, Secret) else full


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return MappingProxyType(value) if isinstance(value, dict) else value


def _variant(checked: Section, folder: Path) -> Variant:
    keys = checked.written()
    for key in ("path", "key_file"):
        if key in keys:
            keys[key] = below(folder, keys[key])
    return Variant(**keys)


def _warm_settings(host: HostFile, checked: ProfileWarmSection) -> WarmSettings:
    windows = tuple(ActiveWindow(days=window.days, start=window.start, end=window.end) for window in checked.windows)
    keys = host.warm.written() | checked.written() | {"windows": windows}
    return WarmSettings(**keys)
