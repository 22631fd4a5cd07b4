"""Further detectors of private data: packages with an entry point, each made once, before requests need it."""

import asyncio
import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points

import structlog

from hostd.domain.private_data import DETECTORS, DetectorSettings, PrivacySettings
from hostd.domain.profile import Settings
from hostd.domain.settings_changes import SettingsRead
from hostd.privacy.scanner import Detector
from hostd.runtime.reload import ReadSettings

log = structlog.get_logger()


def installed_detectors(wanted: Sequence[DetectorSettings]) -> list[Detector]:
    """Return the detectors that are *wanted*; each is made once, however often settings are read.

    Raises:
        LookupError: There is no entry point of one of the names.
        Exception: One could not be made.
    """
    return [_made(each.name, json.dumps(dict(each.options), sort_keys=True)) for each in wanted]


def prepare(privacy: PrivacySettings) -> None:
    """Make the detectors of *privacy*, where requests are scanned: that may take seconds. One that fails is told of in the log."""
    for each in privacy.detectors if privacy.scans else ():
        try:
            installed_detectors([each])
        except Exception:  # whatever a broken package raises; it has seen no request yet
            log.exception("detector_failed", detector=each.name, hint="until it works, no scanned request leaves")


def preparing(read: ReadSettings) -> ReadSettings:
    """Return what reads settings as *read* does, and then makes the detectors in them."""

    async def read_and_prepare(present: Settings) -> SettingsRead:
        found = await read(present)
        await asyncio.to_thread(prepare, found.settings.privacy)
        return found

    return read_and_prepare


@cache
def _made(name: str, options: str) -> Detector:
    for each in entry_points(group=DETECTORS):
        if each.name == name:
            detector: Detector = each.load()(**json.loads(options))
            return detector
    raise LookupError(f"no detector is called {name}; install the package that brings it")
