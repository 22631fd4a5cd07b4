"""Result of one source of pools."""

from dataclasses import dataclass

from hostd.domain.host import Pool


@dataclass(frozen=True, slots=True)
class Reading:
    """Pools as they are now, and sentences on failed measurements; for their kinds see `Host`."""

    pools: tuple[Pool, ...] = ()
    troubles: tuple[str, ...] = ()
    absences: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
