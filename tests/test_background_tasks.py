"""``hostd.background_tasks``: what goes on in the background has ended when it was cancelled."""

import asyncio

from hostd.background_tasks import cancel_all


async def test_each_has_ended_afterwards() -> None:
    """Also one that cleans up, one that fails on its way out, one that was over before, and one that was never begun."""
    ended: list[str] = []

    async def works(name: str, *, fails: bool = False) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)
            if fails:
                raise OSError(name)

    over = asyncio.create_task(asyncio.sleep(0))
    tasks = [asyncio.create_task(works("one")), asyncio.create_task(works("two", fails=True))]
    await over
    await cancel_all(*tasks, over, None)
    assert (["one", "two"], [True] * 2) == (sorted(ended), [task.done() for task in tasks])
