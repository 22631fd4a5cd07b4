"""What probes have found so far: in memory, and in the database where there is one, so that a restart asks nothing again."""

from collections.abc import Callable, Iterable

from hostd.domain.capability import Found
from hostd.telemetry.sinks import ProbeRecord


class ProbeResults:
    """The last result about each model and engine build; *keep* writes one down.

    Where nothing can be written, it remembers until the daemon ends.
    """

    def __init__(self, keep: Callable[[ProbeRecord], None] = lambda _: None) -> None:
        self._keep = keep
        self._by_build: dict[tuple[str, str], ProbeRecord] = {}
        self._last: dict[str, ProbeRecord] = {}

    def __repr__(self) -> str:
        return f"<ProbeResults of {len(self._by_build)} builds>"

    def recall(self, recorded: Iterable[ProbeRecord]) -> None:
        """Take in what earlier daemons *recorded*, oldest first; what this one has found since counts more."""
        mine = list(self._by_build.values())
        for record in (*recorded, *mine):
            self._note(record)

    def about(self, identity: str, build: str) -> Found:
        """Return what was found of the model *identity* on the engine *build*; empty where nothing was."""
        record = self._by_build.get((identity, build))
        return {} if record is None else record.found

    def last(self, identity: str) -> Found:
        """Return what was found last of the model *identity*, on whatever build."""
        record = self._last.get(identity)
        return {} if record is None else record.found

    def add(self, record: ProbeRecord) -> None:
        """Remember *record*, and have it written down."""
        self._note(record)
        self._keep(record)

    def _note(self, record: ProbeRecord) -> None:
        self._by_build[record.identity, record.build] = record
        self._last[record.identity] = record
