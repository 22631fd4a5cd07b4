"""What runs share, where a daemon has no cards to watch."""

from pathlib import Path

from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.run_services import RunServices


async def test_without_a_watch_no_card_is_missed(tmp_path: Path) -> None:
    """No engine is taken to have left its card, and each set of services has a turn of its own for starts."""
    one, other = (
        RunServices(lambda _: None, OrphanReaper(tmp_path), ProbeTimings(), lambda *_: None) for _ in range(2)
    )
    assert [] == list(await one.cards_left("a"))
    assert one.exclusive_start is not other.exclusive_start
