"""One configuration file: read, environment references replaced, validated against its section class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from hostd.config.section import Section
from hostd.config.validators import REFERENCE, hint, shown
from hostd.config.variants import engines
from hostd.config.yaml_positions import (
    START,
    ConfigIssue,
    Position,
    YamlError,
    YamlMapping,
    YamlSequence,
    parse,
    place_of,
)
from hostd.domain.errors import Problem
from hostd.domain.secret import Secret

MAX_BYTES = 1 << 20

Shape = TypeVar("Shape", bound=Section)


class Document:
    """Data of one file with the positions of its keys and values, and the issues found so far.

    *readable* is false if the file could not be parsed to keys and values. A missing optional file counts as empty.
    """

    def __init__(self, file: Path, environ: Mapping[str, str], *, exists: bool = True) -> None:
        self.file = file
        self.root = YamlMapping()
        self.issues: list[ConfigIssue] = []
        self.readable = True
        try:
            data, complaints = parse(_text(file) if exists else "")
        except YamlError as error:
            self.issues.append(error.complaint)
            self.readable = False
            return
        self.issues += complaints
        if isinstance(data, YamlMapping):
            self.root = data
            self._fill_in(data, environ)
        elif data is not None:
            self.report(f"the file must hold keys and values, not {shown(data)}", START)
            self.readable = False

    @property
    def problems(self) -> list[Problem]:
        """Issues of the file, from top to bottom."""
        return [Problem(message, str(self.file), *at) for message, at in sorted(self.issues, key=lambda c: c.at)]

    def report(self, message: str, at: Position) -> None:
        """Add an issue at a position of the file."""
        self.issues.append(ConfigIssue(message, at))

    def checked(self, shape: type[Shape]) -> Shape | None:
        """Return the data validated as *shape*, or None after reporting every mistake in it."""
        if not self.readable:
            return None
        try:
            return shape.model_validate(self.root, context=self.issues)
        except ValidationError as error:
            for mistake in error.errors(include_url=False, include_input=False):
                self._translate(mistake)
            return None

    def _translate(self, mistake: Any) -> None:
        """Report a validation error in the words of the configuration, at the key or value to change."""
        loc = mistake["loc"]
        if mistake["type"] == "union_tag_invalid":
            loc = (*loc, "backend")
        at, value, keys = self._spot(loc)
        if isinstance(value, Secret) and value == "":
            return  # already reported: the environment variable is not set
        self.report(f"{keys}: {_sentence(mistake, value)}" if keys else _sentence(mistake, value), at)

    def _spot(self, loc: tuple[str | int, ...]) -> tuple[Position, Any, str]:
        """Return position, value and dotted key at *loc*; steps of pydantic's that the file does not have are skipped."""
        at, value, keys = self.root.at, self.root, ""
        for step in loc:
            if isinstance(value, YamlMapping) and step in value:
                word = str(step)
                at = value.keys_at[word] if loc[-1] == "[key]" and step == loc[-2] else value.values_at[word]
                value, keys = value[word], f"{keys}.{word}" if keys else word
            elif isinstance(value, YamlSequence) and isinstance(step, int):
                at, value, keys = value.values_at[step], value[step], f"{keys}[{step}]"
        return at, value, keys

    def _fill_in(self, node: Any, environ: Mapping[str, str]) -> None:
        """Replace references to environment variables by the variables' values."""
        for key, value in node.items() if isinstance(node, YamlMapping) else enumerate(node):
            if isinstance(value, (YamlMapping, YamlSequence)):
                self._fill_in(value, environ)
            elif isinstance(value, str) and not isinstance(value, Secret) and "${env:" in value:
                node[key] = self._secret(value, node.values_at[key], environ)

    def _secret(self, reference: str, at: Position, environ: Mapping[str, str]) -> Secret:
        match = REFERENCE.fullmatch(reference)
        found = environ.get(match[1], "") if match else ""
        if match is None:
            self.report("${env:NAME} must be the whole value, and NAME letters, digits and _; it is not filled in", at)
        elif not found:
            self.report(f"the environment variable {match[1]} is not set (or empty); set it where hostd starts", at)
        return Secret(found, reference)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)  # one byte more tells a file that is too large from one that just fits
    except OSError as error:
        raise YamlError(
            f"this file cannot be read: {error.strerror}; correct its name or its permissions", START
        ) from None
    if len(data) > MAX_BYTES:
        raise YamlError(f"this file is larger than {MAX_BYTES >> 10} KiB; hostd's files are short", START)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = place_of(data[: error.start].decode("utf-8-sig"), len(data[: error.start].decode("utf-8-sig")))
        raise YamlError(f"the byte 0x{data[error.start]:02X} is no UTF-8; save the file as UTF-8", at) from None


def _sentence(mistake: Any, value: object) -> str:
    match mistake["type"]:
        case "value_error":
            return str(mistake["ctx"]["error"])
        case "missing":
            return f"the key '{mistake['loc'][-1]}' is missing"
        case "union_tag_not_found":
            return f"the key 'backend' is missing; {hint('', engines())}"
        case "union_tag_invalid":
            return f"unknown backend {shown(value)}; {hint(str(value), engines())}"
        case "list_type":
            return f"expected a list, such as [one, two], not {shown(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"expected a mapping, not {shown(value)}"
        case "too_short":
            return "the list is empty; write at least one item"
        case _:
            return str(mistake["msg"])
