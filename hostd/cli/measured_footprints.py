"""What loads on this machine took, for plans that are made without the daemon that measured it."""

from collections.abc import Iterable

from hostd.paths import measurements_file, records_file
from hostd.planning.footprint.calibration import Observation
from hostd.sizing.measurements import MeasurementStore


def measured_here() -> MeasurementStore:
    """Return the measurements of this user's daemons; the file is read at the first question."""
    return MeasurementStore(_recorded)


def _recorded() -> Iterable[Observation]:
    database, older = records_file(), measurements_file()
    if not (database.exists() or older.exists()):
        return ()
    from hostd.telemetry.footprint_records import recorded_footprints  # the database costs 10 ms

    return recorded_footprints(database, older)
