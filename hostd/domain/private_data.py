"""What the owner says of private data in requests that may leave the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DataKind(StrEnum):
    """A kind of private data; its value is the word for it in files, headers and placeholders."""

    EMAIL = "email"
    PHONE = "phone"
    IBAN = "iban"
    CARD = "card"
    NATIONAL_ID = "national_id"
    ADDRESS = "address"
    SECRET = "secret"  # noqa: S105 - a kind, and none itself
    WORD = "word"
    PERSON = "person"
    LOCATION = "location"
    OTHER = "other"
    MEDIA = "media"


class ScanAction(StrEnum):
    """What is done with a request in which private data is found, the mildest first.

    ``off`` is nothing; ``mask`` replaces the data by a placeholder for targets outside this machine, and puts it back into their
    answers; ``stay-local`` leaves only the targets of this machine; ``block`` refuses the request if it could leave.
    """

    OFF = "off"
    MASK = "mask"
    STAY_LOCAL = "stay-local"
    BLOCK = "block"

    @property
    def strength(self) -> int:
        """How much it forbids; of several actions the strongest holds."""
        return _ORDER.index(self)


_ORDER = tuple(ScanAction)


DETECTORS = "hostd.detectors"
"""The group of entry points of further detectors: each is called with its options and returns what finds data in a text."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """A further detector by the *name* of its entry point, and the *options* that it is called with: plain JSON."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """How requests are scanned before they may leave: not at all while *scan*, what is done with them, is None.

    *kinds* has the actions of kinds that differ from it. *words* are names and the like that count as private.
    *detectors* are asked as well. A scan that takes more than *timeout* seconds counts as one that has found what must stay.
    """

    scan: ScanAction | None = None
    kinds: Mapping[DataKind, ScanAction] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    detectors: tuple[DetectorSettings, ...] = ()
    timeout: float = 2.0

    @property
    def scans(self) -> bool:
        """Whether anything is looked for."""
        return self.scan is not None

    def action_for(self, kind: DataKind) -> ScanAction:
        """Return what is done where *kind* is found. What no scanner can read cannot be masked either."""
        action = self.kinds.get(kind, self.scan or ScanAction.OFF)
        return ScanAction.STAY_LOCAL if kind is DataKind.MEDIA and action is ScanAction.MASK else action
