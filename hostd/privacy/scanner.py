"""What private data a request holds, and what therefore may become of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hostd.domain.private_data import DataKind, PrivacySettings, ScanAction
from hostd.privacy import accounts, contacts, machine_addresses, national_ids, secrets
from hostd.privacy.conversation import holds_media, texts
from hostd.privacy.pattern import Anchor, DataPattern, Detected
from hostd.privacy.plain_text import plain
from hostd.privacy.words import patterns_of

Detector = Callable[[str], Iterable[Detected]]
"""Finds private data in the texts of a request, joined by `BETWEEN`. What it raises counts as a failure of the whole scan."""

_PATTERNS: tuple[DataPattern, ...] = (
    *secrets.PATTERNS,
    *accounts.PATTERNS,
    *contacts.PATTERNS,
    *national_ids.PATTERNS,
    *machine_addresses.PATTERNS,
)
BETWEEN = "\n\0\n"
"""Between two texts of a request: no pattern matches a zero, nor white space beyond the end of its line."""


class ScanResult(NamedTuple):
    """The *kinds* of private data that were found, what is to be done, and the texts that are to be masked, by kind."""

    kinds: frozenset[DataKind] = frozenset()
    action: ScanAction = ScanAction.OFF
    values: Mapping[str, DataKind] = {}

    @property
    def summary(self) -> str:
        """The kinds in words, for an error or a log: never what was found."""
        return ", ".join(sorted(kind.value for kind in self.kinds))


class Scanner:
    """Scans requests by *settings*; *further* detectors are asked for the same text as its own patterns."""

    def __init__(self, settings: PrivacySettings, further: Sequence[Detector] = ()) -> None:
        self._settings = settings
        used = [each for each in _PATTERNS if settings.action_for(each.kind) is not ScanAction.OFF]
        self._patterns: dict[Anchor, list[DataPattern]] = {}
        for each in (*used, *patterns_of(settings.words)):
            self._patterns.setdefault(each.anchor, []).append(each)
        self._further = tuple(further)

    def scan(self, request: Mapping[str, Any]) -> ScanResult:
        """Return what is found in *request*, the JSON object of any dialect: the whole conversation, tools and their results.

        Raises:
            Exception: A further detector failed; then nothing is known of the request.
        """
        settings = self._settings
        written = BETWEEN.join(texts(request))
        values = self.values_in(written)
        kinds = frozenset(values.values())
        if settings.action_for(DataKind.MEDIA) is not ScanAction.OFF and holds_media(request):
            kinds |= {DataKind.MEDIA}
        action = max(
            (settings.action_for(kind) for kind in kinds), key=lambda each: each.strength, default=ScanAction.OFF
        )
        return ScanResult(kinds, action, values)

    def values_in(self, written: str) -> dict[str, DataKind]:
        """Return the private data in a text, as *written* there."""
        text = plain(written)
        found: dict[str, DataKind] = {}
        end = 0
        # Of two that begin alike the longer one is the data, and one within another is a part of it.
        for finding in sorted(self._findings(text.text), key=lambda each: (each.start, -each.end)):
            if finding.end > end:
                end = finding.end
                first, last = text.span(finding.start, finding.end)
                found.setdefault(written[first:last], finding.kind)
        return found

    def _findings(self, text: str) -> Iterator[Detected]:
        lowered = text.lower()
        if len(lowered) != len(text):
            # A few capitals have two small letters; then places would not be the same.
            lowered = "".join(small if len(small := each.lower()) == 1 else each for each in text)
        for anchor, patterns in self._patterns.items():
            for low, high in anchor.windows(text, lowered):
                for pattern in patterns:
                    yield from pattern.find(text, low, high)
        for detect in self._further:
            yield from (each for each in detect(text) if self._settings.action_for(each.kind) is not ScanAction.OFF)
