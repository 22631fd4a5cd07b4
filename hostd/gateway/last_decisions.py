"""The last decisions, those before the start of the daemon included."""

import asyncio

from hostd.gateway.context import AdminServices
from hostd.telemetry.decision_rows import Told, together


async def last_decisions(
    services: AdminServices, last: int, *, model: str | None = None, request: str | None = None
) -> list[Told]:
    """Return the *last* decisions about *model*, about *request*, or about all, newest last.

    Those of this run are looked up before anything is waited for: none is missed, or told again, by who follows from here on.
    """
    found = services.history.decisions(last, model=model, request=request)
    if len(found) >= last:
        return found
    earlier = await asyncio.to_thread(services.records.decisions, last, model=model, request=request)
    return together(earlier, found, last)
