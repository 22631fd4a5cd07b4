"""Types of configuration values: a check for the daemon and, from the same patterns, a JSON schema for editors."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from hostd.config import addresses, server_values, validators
from hostd.domain import budget as budgets
from hostd.domain.cascade import FREE_CHECKS, CascadeCheck
from hostd.domain.context_fit import Overflow as OverflowNoun
from hostd.domain.private_data import DataKind as DataKindNoun
from hostd.domain.private_data import ScanAction as ScanActionNoun
from hostd.domain.profile import Flag
from hostd.domain.profile import Repair as RepairNoun
from hostd.domain.reason import FallbackReason
from hostd.domain.schedule import WINDOW, format_clock, format_days, parse_clock, parse_days
from hostd.domain.server_settings import KeepAliveForm, LoopbackRule
from hostd.domain.thinking import ThinkingDefault
from hostd.domain.ticket import Priority as PriorityNoun
from hostd.domain.units import format_duration, format_size, parse_duration, parse_size

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
MASK = "***"
"""Replaces a secret wherever settings are shown."""

CAPABILITIES = ("tools", "vision", "thinking", "embeddings", "rerank", "decisions")

_NOT_OF_PROFILES = (FallbackReason.LOOP, FallbackReason.CHECK_FAILED)
_REASONS = tuple(reason for reason in FallbackReason if reason not in _NOT_OF_PROFILES)
"""Reasons that a fallback can be written for: what goes round in a circle has a model of its own."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,200}"
_ALIAS = r"[A-Za-z0-9*?\[][A-Za-z0-9._:/@+*?\[\]!-]{0,200}"
_HUB = r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]+"
_DRAFT = (
    r"hf:[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*"
    r"((/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*\.gguf)?(@[A-Za-z0-9][A-Za-z0-9_./+-]*)?"
)
_FIELD = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"
_AMOUNT = r"[0-9]+(\.[0-9]+)?"
_TEN_YEARS = 10 * 365 * 86400.0
_PEBIBYTE = 2.0**50

Shape = dict[str, Any]
_REFERENCE: Shape = {"type": "string", "pattern": f"^{validators.REFERENCE.pattern}$"}


@dataclass(frozen=True, slots=True, eq=False)
class FieldType:
    """Type of a value: *check* returns it or raises ValueError, *shape* is its JSON schema, *write* returns its text."""

    check: Callable[[object], Any]
    shape: Shape
    write: Callable[[Any], Any] = lambda value: value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check by *check* alone."""
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe by *shape*; a reference to the environment may stand for any value."""
        shape = dict(self.shape)  # a fresh one, because pydantic writes each key's default into it
        return shape if shape == {"type": "string"} else {"anyOf": [shape, _REFERENCE]}


def _pattern(regex: str, *examples: str) -> Shape:
    return {"type": "string", "pattern": f"^{regex}$", "examples": list(examples)}


def _one_of(*options: str) -> Shape:
    return {"type": "string", "enum": list(options)}


def _name(regex: str, wildcards: str) -> Callable[[object], str]:
    meaning = f"no name; begin with a letter or digit{wildcards}, go on with letters, digits and . _ : / @ + -"
    return validators.matching(re.compile(regex), meaning)


def _draft(value: object) -> str:
    # YAML reads the words on and off as booleans.
    said = ("auto" if value else "off") if isinstance(value, bool) else validators.text(value)
    return _hub_draft(said) if said.startswith("hf:") else said


def _priority(value: object) -> PriorityNoun:
    return PriorityNoun[validators.one_of([each.name.lower() for each in PriorityNoun])(value).upper()]


def _thinking_default(value: object) -> ThinkingDefault:
    said = ("on" if value else "off") if isinstance(value, bool) else value
    return ThinkingDefault(validators.one_of(ThinkingDefault)(said))


def _expression(value: object) -> str:
    text = validators.text(value)
    try:
        re.compile(text)
    except re.error as error:
        raise validators.InvalidValue(f"{validators.shown(text)} is no regular expression: {error}") from None
    return text


def _scan_action(value: object) -> str:
    # YAML reads a bare word `off` as false.
    return validators.one_of(ScanActionNoun)("off" if value is False else value)


def _logprob(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -100 <= value < 0:
        raise validators.InvalidValue(
            f"{validators.shown(value)} is no mean log-probability; write a number below 0, such as -1.0 (a third) or -0.7 (a half)"
        )
    return float(value)


def _cap(value: object) -> float:
    if not (number := validators.amount(value)):
        written = validators.shown(value)
        raise validators.InvalidValue(
            f"a budget of {written} USD lets nothing through; write what may be used, or leave it out"
        )
    return number


def _budget_amount(value: object) -> tuple[budgets.Measure, float]:
    given = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else validators.text(value)
    return budgets.parse_amount(given)


_hub = validators.matching(re.compile(_HUB), "no repository of a model hub; write such as Qwen/Qwen3.5-9B-AWQ")
_hub_draft = validators.matching(
    re.compile(_DRAFT), "no GGUF model of a hub; write hf:OWNER/REPO or hf:OWNER/REPO/FILE.gguf"
)
_duration = validators.quantity(parse_duration, _TEN_YEARS, "500ms, 30s, 5m, 2h")
_size = validators.quantity(parse_size, _PEBIBYTE, "512MiB, 24GiB")

Text = Annotated[str, FieldType(validators.text, {"type": "string"})]
Name = Annotated[str, FieldType(_name(_NAME, ""), _pattern(_NAME, "qwen3.5-9b"))]
Alias = Annotated[str, FieldType(_name(_ALIAS, " or a wildcard * ? ["), _pattern(_ALIAS, "fast", "claude-haiku-*"))]
Credential = Annotated[str, FieldType(validators.credential, {"type": "string"}, lambda _: MASK)]
Hub = Annotated[str, FieldType(_hub, _pattern(_HUB, "unsloth/Qwen3.5-9B-GGUF"))]
Web = Annotated[str, FieldType(addresses.web, _pattern("https?://[^ ]+", "http://127.0.0.1:1234/v1"))]
Address = Annotated[
    str,
    FieldType(
        addresses.address,
        _pattern("(unix:/.+|.+:[0-9]{1,5})", "127.0.0.1:11435", "unix:/run/hostd/hostd.sock"),
    ),
]
HostName = Annotated[str, FieldType(server_values.host, _pattern(r"(\*\.)?[^*/ ]+", "box.example", "*.ts.net"))]
Origin = Annotated[
    str, FieldType(server_values.origin, _pattern("[^ ]+://[^ /]*", "https://chat.example", "vscode-webview://*"))
]
PathPrefix = Annotated[str, FieldType(server_values.prefix, _pattern(f"({server_values.PREFIX}/?)?", "/llm"))]
SharedState = Annotated[
    str,
    FieldType(
        server_values.shared_state,
        _pattern("(redis|rediss|unix)://[^ ]+", "redis://box.example:6379/0", "unix:///run/redis/redis.sock"),
    ),
]
KeepAlive = Annotated[
    KeepAliveForm, FieldType(validators.one_of(KeepAliveForm), _one_of(*(str(form) for form in KeepAliveForm)), str)
]

Duration = Annotated[
    float, FieldType(_duration, _pattern(f"({_AMOUNT}(ms|s|m|h|d))+", "500ms", "30s", "5m", "2h"), format_duration)
]
Size = Annotated[int, FieldType(_size, _pattern(f"{_AMOUNT} *([KMGT]i?B|B)", "512MiB", "24GiB"), format_size)]
Period = Annotated[
    float, FieldType(server_values.period, _pattern(f"({_AMOUNT}(ms|s|m|h|d))+", "10s", "1m"), format_duration)
]
BodySize = Annotated[
    int, FieldType(server_values.body_size, _pattern(f"{_AMOUNT} *([KMGT]i?B|B)", "32MiB"), format_size)
]
Count = Annotated[int, FieldType(validators.whole(1), {"type": "integer", "minimum": 1, "maximum": validators.LARGEST})]
Whole = Annotated[int, FieldType(validators.whole(0), {"type": "integer", "minimum": 0, "maximum": validators.LARGEST})]
BudgetAmount = Annotated[
    tuple[budgets.Measure, float],
    FieldType(
        _budget_amount,
        _pattern(budgets.AMOUNT, "2 USD", "500k tokens", "60 requests"),
        lambda given: budgets.amount_text(*given),
    ),
]
AtLimit = Annotated[
    budgets.AtLimit,
    FieldType(validators.one_of(budgets.AtLimit), _one_of(*(str(word) for word in budgets.AtLimit)), str),
]
Amount = Annotated[float, FieldType(validators.amount, {"type": "number", "minimum": 0})]
Cap = Annotated[float, FieldType(_cap, {"type": "number", "exclusiveMinimum": 0})]
Switch = Annotated[bool, FieldType(validators.switch, {"type": "boolean"})]
Devices = Annotated[
    int | str, FieldType(validators.devices, {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]})
]
Ability = Annotated[bool | None, FieldType(validators.ability, {"enum": [True, False, "auto"]})]
Thinking = Annotated[str | None, FieldType(validators.thinking, {"enum": [True, False, "optional", "auto"]})]
ThinkingWish = Annotated[
    ThinkingDefault,
    FieldType(_thinking_default, {"enum": [*map(str, ThinkingDefault), True, False]}, str),
]

Draft = Annotated[str, FieldType(_draft, {"type": ["string", "boolean"], "examples": ["auto", "draft.gguf"]})]
KvType = Annotated[str, FieldType(validators.one_of(KV_TYPES), _one_of(*KV_TYPES))]
Capability = Annotated[str, FieldType(validators.one_of(CAPABILITIES), _one_of(*CAPABILITIES))]
Privacy = Annotated[str, FieldType(validators.one_of(("any", "local")), _one_of("any", "local"), str)]
ScanAction = Annotated[ScanActionNoun, FieldType(_scan_action, {"enum": [*map(str, ScanActionNoun), False]}, str)]
DataKind = Annotated[DataKindNoun, FieldType(validators.one_of(DataKindNoun), _one_of(*map(str, DataKindNoun)), str)]
Priority = Annotated[
    PriorityNoun,
    FieldType(_priority, _one_of(*(each.name.lower() for each in PriorityNoun)), lambda given: given.name.lower()),
]
Overflow = Annotated[OverflowNoun, FieldType(validators.one_of(OverflowNoun), _one_of(*map(str, OverflowNoun)), str)]
FreeCheck = Annotated[CascadeCheck, FieldType(validators.one_of(FREE_CHECKS), _one_of(*map(str, FREE_CHECKS)), str)]
Logprob = Annotated[float, FieldType(_logprob, {"type": "number", "exclusiveMaximum": 0})]
Loopback = Annotated[
    LoopbackRule,
    FieldType(validators.one_of(LoopbackRule), _one_of(*(str(word) for word in LoopbackRule)), str),
]
Repair = Annotated[
    RepairNoun, FieldType(validators.one_of(RepairNoun), _one_of(*(str(word) for word in RepairNoun)), str)
]
Why = Annotated[FallbackReason, FieldType(validators.one_of(_REASONS), _one_of(*_REASONS))]

Days = Annotated[
    tuple[int, ...],
    FieldType(lambda value: parse_days(validators.text(value)), _pattern(".+", "mon-fri", "sat,sun"), format_days),
]
Expression = Annotated[str, FieldType(_expression, {"type": "string", "format": "regex"})]
Hours = Annotated[str, FieldType(validators.text, _pattern(WINDOW.pattern, "mon-fri 08:30-18:00"))]
Clock = Annotated[
    int,
    FieldType(
        lambda value: parse_clock(validators.text(value)), _pattern("[0-9]{1,2}:[0-9]{2}", "08:30"), format_clock
    ),
]

FlagName = Annotated[str, FieldType(validators.flag_name, _pattern(validators.FLAG.pattern, "flash-attn"))]
VariableName = Annotated[
    str, FieldType(validators.variable_name, _pattern(validators.VARIABLE.pattern, "NCCL_P2P_DISABLE"))
]
RequestField = Annotated[
    str,
    FieldType(
        validators.matching(re.compile(_FIELD), "no name of a field; write such as lora or cache_prompt"),
        _pattern(_FIELD, "lora", "cache_prompt"),
    ),
]
VariableValue = Annotated[str, FieldType(validators.variable_value, {"type": ["string", "number"]})]
FlagValue = Annotated[Flag, FieldType(validators.flag_value, {"type": ["string", "number", "boolean"]})]
