"""Whether a request may leave the machine, by what it holds. Whatever is not known for certain stays.

Requests are scanned in a thread of their own, as a scan of a long conversation takes milliseconds and further detectors take
what they like. One that fails or takes too long has found what must stay: nothing leaves because a detector is broken.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points

import structlog

from hostd.dialects.request_document import RequestDocument
from hostd.domain.catalog import Catalog
from hostd.domain.private_data import DataKind, PrivacySettings, ScanAction
from hostd.privacy.masking import Mask
from hostd.privacy.scanner import Detector, Scanner, ScanResult

log = structlog.get_logger()

DETECTORS = "hostd.detectors"
"""The group of entry points of further detectors: each is called without arguments and returns a `Detector`."""
_SHORT = 16 * 1024
"""Bytes of a request that are scanned at once, if no further detector is asked: in less than a millisecond."""
_UNKNOWN = ScanResult(frozenset({DataKind.OTHER}), ScanAction.STAY_LOCAL)


def installed_detectors(names: Sequence[str]) -> list[Detector]:
    """Return the detectors that the entry points *names* make.

    Raises:
        LookupError: There is none of one of the names.
    """
    found = {each.name: each for each in entry_points(group=DETECTORS)}
    missing = [name for name in names if name not in found]
    if missing:
        raise LookupError(f"no detector is called {', '.join(missing)}; install the package that brings it")
    return [found[name].load()() for name in names]


class Screen:
    """Scans requests by the settings in force. *load* makes further detectors by their names."""

    def __init__(self, catalog: Catalog, load: Callable[[Sequence[str]], list[Detector]] = installed_detectors) -> None:
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
        settings = self._catalog.privacy
        try:
            if document.size <= _SHORT and not settings.detectors:
                return self._scanned(settings, document)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(settings.timeout):
                return await loop.run_in_executor(self._thread, self._scanned, settings, document)
        except TimeoutError:
            log.warning("scan_timed_out", seconds=settings.timeout, action=str(_UNKNOWN.action))
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is known of the request
            # Its words may hold what was scanned.
            log.warning("scan_failed", kind=type(error).__name__, action=str(_UNKNOWN.action))
        return _UNKNOWN

    def mask_of(self, result: ScanResult, document: RequestDocument) -> Mask | None:
        """Return the mask of what was found in *document*; None where it cannot be put back, or something would be left."""
        values = {
            value: kind
            for value, kind in result.values.items()
            if self._catalog.privacy.action_for(kind) is ScanAction.MASK
        }
        mask = Mask(values, self._key)
        if not mask.restorable or self._scanner is None:
            return None
        left = self._scanner.scan(mask.mask(dict(document)))
        return None if left.action.strength >= ScanAction.MASK.strength else mask

    def _scanned(self, settings: PrivacySettings, document: RequestDocument) -> ScanResult:
        if self._scanner is None or settings is not self._settings:
            self._scanner = Scanner(settings, self._load(settings.detectors))
            self._settings = settings
        return self._scanner.scan(document)
