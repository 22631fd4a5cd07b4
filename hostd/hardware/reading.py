"""What one source of pools found."""

from dataclasses import dataclass

from hostd.domain.host import Pool


@dataclass(frozen=True, slots=True)
class Reading:
    """Pools as they are now, and sentences on what could not be measured and why; see `Host`."""

    pools: tuple[Pool, ...] = ()
    troubles: tuple[str, ...] = ()
    absences: tuple[str, ...] = ()
