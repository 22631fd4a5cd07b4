"""Further detectors of private data, and what must be installed for them."""

import importlib.util
import re
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from hostd.config import validators
from hostd.config.field_types import FieldType
from hostd.config.validators import InvalidValue, hint, shown
from hostd.config.yaml_positions import YamlMapping, YamlSequence
from hostd.domain.private_data import DETECTORS, DetectorSettings

_PRESIDIO = "presidio"
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _models(value: object) -> Mapping[str, str]:
    """Return spaCy's model for each language: an installed package, or a folder where the name has a slash."""
    if not isinstance(value, YamlMapping) or not value:
        raise InvalidValue(f"expected models by languages, such as {{en: en_core_web_sm}}, not {shown(value)}")
    for language, model in value.items():
        if _LANGUAGE.fullmatch(language) is None:
            raise InvalidValue(f"{shown(language)} is no code of a language, such as en or de")
        _check_model(validators.text(model))
    return dict(value)


def _check_model(model: str) -> None:
    if "/" in model:
        if not (Path(model) / "config.cfg").is_file():
            raise InvalidValue(f"there is no model of spaCy's in {shown(model)}: its folder has a config.cfg")
    elif _PACKAGE.fullmatch(model) is None:
        raise InvalidValue(f"{shown(model)} is neither a package's name nor, with a slash, a folder")
    elif importlib.util.find_spec(model) is None:
        raise InvalidValue(
            f"the detector presidio needs spaCy's model {model}, which is not installed; python -m spacy download {model}"
        )


def _threshold(value: object) -> float:
    share = validators.amount(value)
    if share > 1:
        raise InvalidValue(f"{shown(value)} is no score; expected a number from 0 to 1")
    return share


def _allow(value: object) -> list[str]:
    if not isinstance(value, YamlSequence):
        raise InvalidValue(f"expected a list of words, not {shown(value)}")
    return [validators.text(each) for each in value]


_OPTIONS: Mapping[str, tuple[Callable[[object], Any], object]] = {
    "models": (_models, None),
    "threshold": (_threshold, 0.5),
    "allow": (_allow, ()),
}
_DEFAULT_MODEL = "en_core_web_sm"


def _of_presidio(options: Mapping[str, object]) -> dict[str, Any]:
    """Return all options of the detector that hostd brings along."""
    if importlib.util.find_spec("presidio_analyzer") is None:
        raise InvalidValue("the detector presidio needs a package that is missing; pip install 'hostd[presidio]'")
    for word in options.keys() - _OPTIONS.keys():
        raise InvalidValue(f"presidio has no option {shown(word)}; {hint(word, _OPTIONS)}")
    checked = {word: check(options[word]) if word in options else usual for word, (check, usual) in _OPTIONS.items()}
    if checked["models"] is None:
        _check_model(_DEFAULT_MODEL)
        checked["models"] = {"en": _DEFAULT_MODEL}
    return checked


def _plain(value: object) -> Any:
    """Return *value*, read from a file, without the positions in it."""
    if isinstance(value, dict):
        return {word: _plain(member) for word, member in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _detector(value: object) -> DetectorSettings:
    options: object = {}
    if isinstance(value, YamlMapping):
        if len(value) != 1:
            raise InvalidValue("expected a name, or one name with its options, such as {presidio: {threshold: 0.6}}")
        ((value, options),) = value.items()
    name = validators.text(value)
    if not isinstance(options, dict):
        raise InvalidValue(f"expected the options of {name} as a mapping, not {shown(options)}")
    if name == _PRESIDIO:
        options = _of_presidio(options)
    elif name not in (known := {each.name for each in entry_points(group=DETECTORS)}):
        raise InvalidValue(
            f"no detector {shown(name)} is installed; {hint(name, known)}, or install the package that brings it"
        )
    return DetectorSettings(name, MappingProxyType(_plain(options)))


def _written(detector: DetectorSettings) -> str | dict[str, Any]:
    return {detector.name: dict(detector.options)} if detector.options else detector.name


Detector = Annotated[
    DetectorSettings,
    FieldType(
        _detector,
        {"anyOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "maxProperties": 1}]},
        _written,
    ),
]
