"""``hostd.runtime.boot``: the steps between the open port and the first load."""

import pytest

from hostd.runtime.boot import Boot, BootStep


async def test_tells_which_step_is_under_way() -> None:
    """By its name, and how far it is where it can tell; nothing is left once all are done."""
    told: list[str | None] = []

    async def step() -> None:
        told.append(boot.under_way)

    boot = Boot([BootStep("measuring", step), BootStep("reading", step, lambda: (3, 22))])
    assert "<Boot measuring>" == repr(boot)
    await boot.run()
    assert ["measuring", "reading (3 of 22)"] == told
    assert boot.under_way is None
    assert "<Boot done>" == repr(boot)


async def test_a_step_that_fails_ends_it() -> None:
    """No later step is taken, and what is under way stays what it was."""

    async def fail() -> None:
        raise OSError("no disk")

    async def never() -> None:
        pytest.fail("a step after one that failed")

    boot = Boot([BootStep("measuring", fail), BootStep("loading", never)])
    with pytest.raises(OSError, match="no disk"):
        await boot.run()
    assert "measuring" == boot.under_way


def test_nothing_to_do_is_done() -> None:
    """A boot without steps is over from the beginning."""
    assert Boot(()).under_way is None
