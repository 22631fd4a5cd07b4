"""Detectors are made once, with their options, before a request needs them."""

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from hostd.domain.private_data import DETECTORS, DetectorSettings, PrivacySettings, ScanAction
from hostd.domain.profile import Settings
from hostd.domain.settings_changes import SettingsRead
from hostd.gateway import detectors
from hostd.privacy.pattern import Detected

MADE: list[dict[str, Any]] = []


def ours(**options: Any) -> Callable[[str], Sequence[Detected]]:
    """Make a detector that finds nothing."""
    MADE.append(options)
    return lambda _text: ()


def broken() -> None:
    """Fail, as a package that is not whole does."""
    raise ImportError


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two packages with a detector each."""
    points = [EntryPoint(name, f"{__name__}:{name}", DETECTORS) for name in ("ours", "broken")]
    monkeypatch.setattr(detectors, "entry_points", lambda *, group: points if group == DETECTORS else [])
    MADE.clear()
    detectors._made.cache_clear()
    yield
    detectors._made.cache_clear()


def test_a_detector_is_made_once_for_the_same_options() -> None:
    """However often settings are read; other options make another one."""
    once = DetectorSettings("ours", {"least": 0.5})
    (first,), (again,) = detectors.installed_detectors([once]), detectors.installed_detectors([once])
    (other,) = detectors.installed_detectors([DetectorSettings("ours")])
    assert first is again
    assert first is not other
    assert MADE == [{"least": 0.5}, {}]
    with pytest.raises(LookupError, match="nobodys"):
        detectors.installed_detectors([once, DetectorSettings("nobodys")])


def test_one_that_cannot_be_made_holds_nothing_up() -> None:
    """It is said in the log, and asked for again by the first request."""
    wanted = (DetectorSettings("broken"), DetectorSettings("ours"))
    detectors.prepare(PrivacySettings(detectors=wanted))
    assert MADE == []
    detectors.prepare(PrivacySettings(ScanAction.MASK, detectors=wanted))
    assert MADE == [{}]
    with pytest.raises(ImportError):
        detectors.installed_detectors(wanted)


async def test_a_reload_makes_them_before_the_settings_are_in_force() -> None:
    """So that no request waits for a model."""
    privacy = PrivacySettings(ScanAction.MASK, detectors=(DetectorSettings("ours"),))
    found = SettingsRead(Settings(privacy=privacy), ())

    async def read(_: Settings) -> SettingsRead:
        return found

    assert await detectors.preparing(read)(Settings()) is found
    assert MADE == [{}]
