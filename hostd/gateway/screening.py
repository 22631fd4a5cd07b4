"""Whether a request may leave the machine, by what it holds. Whatever is not known for certain stays.

Requests are scanned in a thread of their own, as a scan of a long conversation takes milliseconds and further detectors take
what they like. One that fails or takes too long has found what must stay: nothing leaves because a detector is broken.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from hostd.dialects.request_document import RequestDocument
from hostd.domain.catalog import Catalog
from hostd.domain.private_data import DataKind, DetectorSettings, PrivacySettings, ScanAction
from hostd.gateway.detectors import installed_detectors
from hostd.privacy.masking import Mask
from hostd.privacy.scanner import Detector, Scanner, ScanResult

log = structlog.get_logger()

_Made = TypeVar("_Made")

_SHORT = 16 * 1024
"""Bytes of a request that are scanned at once, if no further detector is asked: in a millisecond or so."""
_ROUNDS = 3
"""How often a mask is extended by what is found beside its placeholders: detectors judge words by those around them."""
_UNKNOWN = ScanResult(frozenset({DataKind.OTHER}), ScanAction.STAY_LOCAL)


class Screen:
    """Scans requests by the settings in force. *load* makes further detectors."""

    def __init__(
        self, catalog: Catalog, load: Callable[[Sequence[DetectorSettings]], list[Detector]] = installed_detectors
    ) -> None:
        self._catalog = catalog
        self._load = load
        self._key = secrets.token_bytes(32)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hostd-scan")
        self._scanner: Scanner | None = None
        self._settings: PrivacySettings | None = None

    @property
    def scans(self) -> bool:
        """Whether requests that may leave the machine are scanned."""
        return self._catalog.privacy.scans

    async def scan(self, document: RequestDocument) -> ScanResult:
        """Return what *document* holds; that it must stay, where that cannot be found out in time."""
        return await self._in_time(self._scanned, document) or _UNKNOWN

    async def mask_of(self, result: ScanResult, document: RequestDocument) -> Mask | None:
        """Return the mask of what was found in *document*; None where it cannot be put back, or something would be left."""
        return await self._in_time(lambda settings, document: self._mask(settings, document, result), document)

    async def _in_time(
        self, make: Callable[[PrivacySettings, RequestDocument], _Made], document: RequestDocument
    ) -> _Made | None:
        """Return what *make* makes of *document*; None, and a line in the log, where it fails or takes too long."""
        settings = self._catalog.privacy
        try:
            if document.size <= _SHORT and not settings.detectors:
                return make(settings, document)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(settings.timeout):
                return await loop.run_in_executor(self._thread, make, settings, document)
        except TimeoutError:
            log.warning("scan_timed_out", seconds=settings.timeout, action=str(_UNKNOWN.action))
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is known of the request
            # Its words may hold what was scanned.
            log.warning("scan_failed", kind=type(error).__name__, action=str(_UNKNOWN.action))
        return None

    def _mask(self, settings: PrivacySettings, document: RequestDocument, result: ScanResult) -> Mask | None:
        values = _masked(settings, result)
        scanner = self._scanner_for(settings)
        for _ in range(_ROUNDS):
            mask = Mask(values, self._key)
            if not mask.restorable:
                return None
            left = scanner.scan(mask.mask(dict(document)))
            if left.action.strength < ScanAction.MASK.strength:
                return mask
            further = _masked(settings, left)
            if left.action is not ScanAction.MASK or further.keys() <= values.keys():
                return None
            values |= further
        return None

    def _scanned(self, settings: PrivacySettings, document: RequestDocument) -> ScanResult:
        return self._scanner_for(settings).scan(document)

    def _scanner_for(self, settings: PrivacySettings) -> Scanner:
        if self._scanner is None or settings is not self._settings:
            self._scanner = Scanner(settings, self._load(settings.detectors))
            self._settings = settings
        return self._scanner


def _masked(settings: PrivacySettings, found: ScanResult) -> dict[str, DataKind]:
    return {value: kind for value, kind in found.values.items() if settings.action_for(kind) is ScanAction.MASK}
