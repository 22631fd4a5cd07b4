"""Settings as plain data under the files' keys, for `hostd config show`, with secrets masked.

The section classes define how each value is written, so that a new key needs no code here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from hostd.config.field_types import FieldType
from hostd.config.host_file import (
    GuardrailsSection,
    KeysSection,
    PrivacySection,
    ReserveSection,
    ServerSection,
    StateSection,
    TracesSection,
)
from hostd.config.machine_cost import MachineCostSection
from hostd.config.profile_file import ProfileFile
from hostd.config.role import RoleSection
from hostd.config.section import Section
from hostd.config.variants import shape_of
from hostd.domain.budget import Budget, Measure, Period
from hostd.domain.profile import EngineSettings, Settings, Variant
from hostd.domain.reason import FallbackReason
from hostd.domain.secret import Secret
from hostd.domain.units import format_duration, format_size


def show(settings: Settings) -> dict[str, Any]:
    """Return *settings* as data for JSON: durations as text, keys masked, text from the environment as its reference."""
    shown = {
        "source": settings.source,
        "server": {"listen": list(settings.listen)} | _section(ServerSection, settings.server, without="listen"),
        "keys": _section(KeysSection, settings.keys),
        "memory": {
            "reserve": _section(ReserveSection, settings.reserve),
            "card_wait": format_duration(settings.card_wait),
        },
        "backends": {backend: _engine(settings, backend) for backend in {**settings.commands, **settings.engines}},
        "roles": {name: _section(RoleSection, role) for name, role in settings.roles.items()},
        "providers": {name: _provider(budget) for name, budget in settings.budgets.providers.items()},
        "budgets": {
            name: budget.written() for name in ("host", "session") if (budget := getattr(settings.budgets, name))
        },
        "machine": _section(MachineCostSection, settings.machine),
        "guardrails": _section(GuardrailsSection, settings.guardrails),
        "traces": _section(TracesSection, settings.traces),
        "privacy": _section(PrivacySection, settings.privacy),
        "state": _section(StateSection, settings.state),
        "kv": {"disk": format_size(settings.kv_disk)},
        "profiles": {name: _section(ProfileFile, profile) for name, profile in settings.profiles.items()},
        "notes": list(settings.notes),
    }
    return {key: _from_environment(value) for key, value in shown.items()}


def _provider(budget: Budget) -> dict[str, Any]:
    daily = next((each for each in budget.limits if each[:2] == (Measure.USD, Period.DAY)), None)
    rest = Budget(tuple(each for each in budget.limits if each is not daily), budget.at_limit).written()
    return ({} if daily is None else {"daily_usd": daily.most}) | ({"budget": rest} if rest else {})


def _engine(settings: Settings, backend: str) -> dict[str, Any]:
    command, more = settings.commands.get(backend), settings.engines.get(backend, EngineSettings())
    grace = None if more.stop_grace is None else format_duration(more.stop_grace)
    shown = {"command": command and list(command), "env": dict(more.env), "stop_grace": grace}
    return {key: value for key, value in shown.items() if value}


def _section(shape: type[Section], noun: object, *, without: str = "") -> dict[str, Any]:
    """Return the attributes of *noun* that are set, under the keys of *shape*, all but *without*."""
    return {
        field.alias or name: _value([field.annotation, *field.metadata], value)
        for name, field in shape.model_fields.items()
        if name != without and (value := getattr(noun, name)) is not None
    }


def _value(hints: Sequence[Any], value: Any) -> Any:
    """Return *value* as it is written in a file, by the first field type or section in the annotations *hints*."""
    if isinstance(value, Budget):
        return value.written()
    if isinstance(value, Variant):
        return _section(shape_of(value.backend), value)
    if isinstance(value, Mapping):
        return dict(value)
    for hint in hints:
        if isinstance(hint, FieldType):
            return hint.write(value)
        if isinstance(hint, type) and issubclass(hint, Section):
            return _section(hint, value)
    inside = [inner for hint in hints for inner in get_args(hint)]
    if isinstance(value, (tuple, list)):
        return [_value(inside, item) for item in value]
    if isinstance(value, frozenset):
        return [str(reason) for reason in FallbackReason if reason in value]
    return _value(inside, value) if inside else value


def _from_environment(value: Any) -> Any:
    """Return *value* with every text from the environment replaced by the reference that the owner wrote."""
    if isinstance(value, Secret):
        return value.reference
    if isinstance(value, Mapping):
        return {str(_from_environment(key)): _from_environment(item) for key, item in value.items()}
    return [_from_environment(item) for item in value] if isinstance(value, list) else value
