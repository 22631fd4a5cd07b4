"""Checks of configuration values; each refuses with a sentence for the owner."""

import math
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from hostd.config.yaml_positions import YamlMapping, YamlSequence
from hostd.domain.profile import Flag
from hostd.domain.secret import Secret

REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
LARGEST = 2**31 - 1
MOST_LISTED = 24

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FLAG = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class InvalidValue(ValueError):
    """A value that its key does not accept; the message is a sentence for the owner."""


def shown(value: object) -> str:
    """Return *value* for an error message: short, and without text from the environment."""
    match value:
        case YamlMapping():
            return "a mapping"
        case YamlSequence():
            return "a list"
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str() if not isinstance(value, Secret) and len(value) > 60:
            return repr(value[:57] + "...")
        case _:
            return repr(value)


def hint(word: str, known: Iterable[str]) -> str:
    """Return the half sentence that suggests a *known* word for a mistyped *word*."""
    names = {name.lower(): name for name in known}
    if close := get_close_matches(word.lower(), names, n=1, cutoff=0.6):
        return f"did you mean '{names[close[0]]}'?"
    listed = list(names.values())
    rest = ", ..." if len(listed) > MOST_LISTED else ""
    return f"choose from {', '.join(listed[:MOST_LISTED])}{rest}" if listed else "there is none yet"


def text(value: object) -> str:
    """Return *value* if it is text that can be a name, a path or an argument.

    Raises:
        InvalidValue: The value is not text, is empty, or has control characters.
    """
    if isinstance(value, (bool, int, float)):
        raise InvalidValue(f"expected text, not {shown(value)}; write it in quotes")
    if not isinstance(value, str):
        raise InvalidValue(f"expected text, not {shown(value)}")
    if not value.strip():
        raise InvalidValue("the text is empty")
    if _CONTROL.search(value):
        raise InvalidValue(f"{shown(value)} holds a control character; remove it")
    return value


def credential(value: object) -> str:
    """Return *value* if it is text; the message never shows a value that is not, since it may be a secret.

    Raises:
        InvalidValue: The value is not text.
    """
    try:
        return text(value)
    except InvalidValue:
        raise InvalidValue("a key must be text in quotes, best written as ${env:NAME}") from None


def matching(pattern: re.Pattern[str], meaning: str) -> Callable[[object], str]:
    """Return a check for text that matches *pattern*; *meaning* ends the sentence that refuses other text."""

    def check(value: object) -> str:
        if not pattern.fullmatch(text(value)):
            raise InvalidValue(f"{shown(value)} is {meaning}")
        return text(value)

    return check


def one_of(options: Iterable[str]) -> Callable[[object], str]:
    """Return a check that accepts only *options*."""
    known = {str(option): option for option in options}

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise InvalidValue(f"{shown(value)} is not one of the values here; {hint(str(value), known)}")
        return known[value]

    return check


def whole(minimum: int) -> Callable[[object], int]:
    """Return a check for whole numbers from *minimum* on."""

    def check(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValue(f"{shown(value)} is no whole number")
        if not minimum <= value <= LARGEST:
            raise InvalidValue(f"{value} is out of range; write a number from {minimum} to {LARGEST}")
        return value

    return check


def amount(value: object) -> float:
    """Return *value* as a number that is not negative.

    Raises:
        InvalidValue: The value is not such a number.
    """
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else -1.0
    except ValueError:
        number = -1.0
    if not (math.isfinite(number) and number >= 0):
        raise InvalidValue(f"{shown(value)} is no number of at least 0")
    return number


def switch(value: object) -> bool:
    """Return *value* as true or false; ``yes``, ``no``, ``on`` and ``off`` are understood too.

    Raises:
        InvalidValue: The value is none of these.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _SWITCH:
        return _SWITCH[value.lower()]
    raise InvalidValue(f"{shown(value)} is neither true nor false")


def quantity(parse: Callable[[str], float], largest: float, example: str) -> Callable[[object], float]:
    """Return a check for text that *parse* turns into a number of at most *largest*."""

    def check(value: object) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            raise InvalidValue(f"{value} has no unit; write such as {example}")
        try:
            number = parse(text(value))
        except OverflowError:
            number = math.inf
        if number > largest:
            raise InvalidValue(f"{shown(value)} is beyond reason; write such as {example}")
        return number

    return check


def ability(value: object) -> bool | None:
    """Return whether a model can do something; None for ``auto``, which is for a probe to find out.

    Raises:
        InvalidValue: The value is neither that, true nor false.
    """
    if value is None or value == "auto":
        return None
    try:
        return switch(value)
    except InvalidValue:
        raise InvalidValue(f"{shown(value)} is none of true, false, auto") from None


def thinking(value: object) -> str | None:
    """Return ``true``, ``false`` or ``optional``: whether a model thinks before it answers; None for ``auto``.

    Raises:
        InvalidValue: The value is something else.
    """
    if value is None or value == "auto":
        return None
    if value == "optional":
        return "optional"
    try:
        return str(switch(value)).lower()
    except InvalidValue:
        raise InvalidValue(f"{shown(value)} is none of true, false, optional, auto") from None


def devices(value: object) -> int | str:
    """Return ``auto`` or a number of devices.

    Raises:
        InvalidValue: The value is something else.
    """
    if value == "auto":
        return "auto"
    try:
        return whole(1)(value)
    except InvalidValue:
        raise InvalidValue(f"{shown(value)} is neither auto nor a number of devices") from None


def flag_name(value: object) -> str:
    """Return *value* if it is the name of an engine flag that is the owner's to set.

    Raises:
        InvalidValue: The value is something else.
    """
    name = text(value)
    if name.startswith("-"):
        raise InvalidValue(f"write '{name.lstrip('-')}', without the leading dashes; hostd adds them")
    if not FLAG.fullmatch(name):
        raise InvalidValue(f"{shown(name)} is no engine flag; write its long name, such as flash-attn")
    if instead := RESERVED.get(name.replace("_", "-")):
        raise InvalidValue(f"hostd sets '{name}' itself; {instead}")
    return name


def flag_value(value: object) -> Flag:
    """Return *value* if it can follow an engine flag.

    Raises:
        InvalidValue: The value is something else.
    """
    if isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, str):
        raise InvalidValue(f"expected text, a number, true or false, not {shown(value)}")
    if "\x00" in value:
        raise InvalidValue("an argument cannot hold a zero byte; remove it")
    return value


def variable_name(value: object) -> str:
    """Return *value* if it is the name of an environment variable that is the owner's to set for an engine.

    Raises:
        InvalidValue: The value is something else, or hostd sets that variable itself.
    """
    name = text(value)
    if not VARIABLE.fullmatch(name):
        raise InvalidValue(
            f"{shown(name)} is no name of a variable; write letters, digits and _, such as NCCL_P2P_DISABLE"
        )
    if name.startswith("HOSTD_"):
        raise InvalidValue(f"variables that begin with HOSTD_ are hostd's own; remove '{name}'")
    if instead := RESERVED_VARIABLES.get(name):
        raise InvalidValue(f"hostd sets '{name}' itself; {instead}")
    return name


def variable_value(value: object) -> str:
    """Return *value* as the text that a variable holds.

    Raises:
        InvalidValue: The value is neither text nor a number, or holds a zero byte.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InvalidValue(f"expected text or a number, not {shown(value)}; write it in quotes")
    if "\x00" in value:
        raise InvalidValue("a variable cannot hold a zero byte; remove it")
    return value


RESERVED = {
    flag: instead
    for flags, instead in (
        (("model", "m"), "use 'path' of the variant"),
        (("host", "port"), "it chooses a free one on this machine for each engine; see 'server.listen' for its own"),
        (("api-key",), "each engine gets its own; remove it"),
        (("alias", "a"), "use 'name' and 'aliases' of the profile"),
        (("parallel", "np"), "use 'slots' of the profile"),
        (("ctx-size", "c"), "use 'context' of the profile"),
    )
    for flag in flags
}

RESERVED_VARIABLES = {
    variable: instead
    for variables, instead in (
        (("LLAMA_API_KEY", "VLLM_API_KEY", "API_KEY"), "each engine gets a key of its own; remove it"),
        (("LLAMA_ARG_HOST", "LLAMA_ARG_PORT", "OLLAMA_HOST"), "it chooses an address for each engine; remove it"),
        (("LLAMA_ARG_MODEL",), "use 'path' of the variant"),
        (("LLAMA_ARG_ALIAS",), "use 'name' and 'aliases' of the profile"),
        (("LLAMA_ARG_N_PARALLEL", "OLLAMA_NUM_PARALLEL"), "use 'slots' of the profile"),
        (("LLAMA_ARG_CTX_SIZE", "OLLAMA_CONTEXT_LENGTH"), "use 'context' of the profile"),
        (("OLLAMA_MODELS",), "set it where hostd starts, which looks for models there as well"),
    )
    for variable in variables
}
