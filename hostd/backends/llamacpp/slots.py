"""What a llama-server reports about its slots in ``/slots``.

Some builds answer while a batch is computed, others only between two batches, which on a slow machine are a minute apart.
"""

from collections.abc import Mapping
from typing import Any

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from hostd.dialects.openai.prompt_progress import REQUESTED
from hostd.domain.progress import EngineProgress, SlotProgress

REPORTS: Mapping[str, Any] = {REQUESTED: True}
"""What is added to a request for a stream, so that an event reports each batch of the prompt."""

_TIMEOUT = 2.0


async def progress(http: HttpClient, endpoint: Endpoint) -> EngineProgress | None:
    """Return the tokens of each busy slot; None where there is no such route, or it does not answer within two seconds."""
    try:
        return parse(await listed(http, endpoint))
    except ExchangeError:
        return None


async def listed(http: HttpClient, endpoint: Endpoint) -> object:
    """Return the JSON of the route; None where the status says that there is none.

    Raises:
        ExchangeError: The server does not answer within two seconds.
        AnswerError: It answers with something else.
    """
    answer = await http.ask(f"{endpoint.url}/slots", endpoint.headers, seconds=_TIMEOUT)
    return answer.json() if answer.status == 200 else None


def parse(found: object) -> EngineProgress | None:
    """Return what *found*, the route's JSON, says; None for any other."""
    if not isinstance(found, list):
        return None
    return EngineProgress(
        tuple(_slot(slot) for slot in found if isinstance(slot, dict) and slot.get("is_processing") is True)
    )


def _slot(slot: Mapping[str, Any]) -> SlotProgress:
    token = slot.get("next_token")
    token = token[0] if isinstance(token, list) and token else token
    decoded = _count(token.get("n_decoded")) if isinstance(token, dict) else 0
    done, held = slot.get("n_prompt_tokens_processed"), slot.get("n_prompt_tokens")
    if not isinstance(done, int) or not isinstance(held, int):
        return SlotProgress(decoded or 0)
    # Tokens enter the slot when their batch begins and count as processed when it ends; decoded ones are added to them later.
    read = done + (_count(slot.get("n_prompt_tokens_cache")) or 0)
    return SlotProgress(decoded or 0, read, max(0, held - read) if not decoded else 0)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
