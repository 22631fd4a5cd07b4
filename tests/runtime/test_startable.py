"""A dispatcher without a preflight lets each load begin."""

from hostd.planning.warm_set.load_option import LoadOption
from hostd.runtime.startable import unchecked
from hostd.scheduling.events import PreflightDone


async def test_nothing_speaks_against_a_load() -> None:
    """The scheduler is told so at once."""
    assert (PreflightDone("a"),) == await unchecked("a", LoadOption(0, "as planned"))
