"""What is put on record of a request that is over: who, when and how much, never what."""

import time

from hostd.gateway.intake import Intake
from hostd.gateway.trail import Trail
from hostd.runtime.ledger import Request


def receipt(trail: Trail, intake: Intake, asked: str, outcome: str, status: int, total: float) -> Request:
    """Return the record of a request that ends now, *total* seconds after it came; *asked* is the profile that it asked for."""
    return Request(
        trail.request_id,
        time.time() - total,
        asked,
        trail.model,
        trail.backend,
        trail.route,
        outcome,
        status,
        intake.client,
        intake.stream,
        trail.waited,
        trail.loaded,
        trail.ttft,
        total,
        trail.prompt_tokens,
        trail.tokens,
    )
