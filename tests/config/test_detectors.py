"""A detector that is not installed, or lacks what it needs, is refused at load: the message says what to install."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hostd.config import detectors
from hostd.config.show import show
from hostd.domain.private_data import DetectorSettings
from hostd.domain.profile import Settings

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]
_PRIVACY = "privacy: {scan: mask, detectors: [%s]}"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make only packages with these names seem to be installed."""

    def only(*names: str) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in names else None)

    return only


def test_presidio_needs_its_package_and_a_model(installed: Callable[..., None], problems: Problems) -> None:
    """Each with the command that installs it, at the detector."""
    installed()
    (told,) = problems(_PRIVACY % "presidio")
    assert told.startswith("hostd.yaml:1:35: ")
    assert "pip install 'hostd[presidio]'" in told
    installed("presidio_analyzer")
    (told,) = problems(_PRIVACY % "presidio")
    assert told.startswith("hostd.yaml:1:35: ")
    assert "python -m spacy download en_core_web_sm" in told
    (told,) = problems(_PRIVACY % "{presidio: {models: {en: en_core_web_sm, de: de_core_news_md}}}")
    assert "en_core_web_sm" in told
    installed("presidio_analyzer", "en_core_web_sm")
    (told,) = problems(_PRIVACY % "{presidio: {models: {en: en_core_web_sm, de: de_core_news_md}}}")
    assert "python -m spacy download de_core_news_md" in told


def test_options_have_defaults_and_are_shown_as_they_are_written(
    installed: Callable[..., None], load_files: Load, tmp_path: Path
) -> None:
    """A model may be a folder, too."""
    installed("presidio_analyzer", "en_core_web_sm")
    (plain,) = load_files(_PRIVACY % "presidio").privacy.detectors
    assert plain == DetectorSettings("presidio", {"models": {"en": "en_core_web_sm"}, "threshold": 0.5, "allow": []})
    (tmp_path / "config.cfg").touch()
    written = _PRIVACY % f"{{presidio: {{models: {{de: {tmp_path}/}}, threshold: 0.8, allow: [Bash]}}}}"
    settings = load_files(written)
    (found,) = settings.privacy.detectors
    assert found.options == {"models": {"de": f"{tmp_path}/"}, "threshold": 0.8, "allow": ["Bash"]}
    shown = show(settings)["privacy"]
    assert load_files(yaml.safe_dump({"privacy": shown})).privacy == settings.privacy


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ("{threshold: 1.1}", "1.1"),
        ("{threshold: high}", "high"),
        ("{treshold: 0.5}", "did you mean 'threshold'?"),
        ("{models: en_core_web_sm}", "{en: en_core_web_sm}"),
        ("{models: {}}", "{en: en_core_web_sm}"),
        ("{models: {english: en_core_web_sm}}", "english"),
        ("{models: {en: ../nothing}}", "config.cfg"),
        ("{models: {en: en-core}}", "en-core"),
        ("{allow: Bash}", "list"),
        ("0.5", "mapping"),
    ],
)
def test_options_that_are_none_are_refused(
    installed: Callable[..., None], problems: Problems, options: str, word: str
) -> None:
    """With the place of the detector, and the word that is wrong."""
    installed("presidio_analyzer", "en_core_web_sm")
    (told,) = problems(_PRIVACY % f"{{presidio: {options}}}")
    assert told.startswith("hostd.yaml:1:35: ")
    assert word in told


def test_other_detectors_are_found_by_their_entry_points(
    monkeypatch: pytest.MonkeyPatch, load_files: Load, problems: Problems
) -> None:
    """Their options are theirs; a name that nobody brings is refused, and so are two names at once."""

    class Ours:
        name = "ours"

    def found(**group: Any) -> list[type[Ours]]:
        assert group == {"group": "hostd.detectors"}
        return [Ours]

    monkeypatch.setattr(detectors, "entry_points", found)
    settings = load_files(_PRIVACY % "ours, {ours: {deep: [1, {x: y}]}}").privacy
    assert settings.detectors == (DetectorSettings("ours"), DetectorSettings("ours", {"deep": [1, {"x": "y"}]}))
    (told,) = problems(_PRIVACY % "our")
    assert told.startswith("hostd.yaml:1:35: ")
    assert "did you mean 'ours'?" in told
    assert problems(_PRIVACY % "{ours: {}, presidio: {}}")
    assert problems(_PRIVACY % "3")
