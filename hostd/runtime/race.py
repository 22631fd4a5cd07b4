"""Wait for the first of several things, and let go of the others."""

import asyncio
from collections.abc import Coroutine


async def race(**contenders: Coroutine[object, object, object]) -> tuple[str, object]:
    """Return the name and the result of the contender that is done first; the others are cancelled and waited for.

    When several are done at once, the one named first wins. What the winner raises is raised.
    """
    tasks = {asyncio.create_task(contender): name for name, contender in contenders.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    winner = next(task for task in tasks if task in done)
    return tasks[winner], winner.result()
