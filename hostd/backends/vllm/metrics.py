"""What a vLLM server reports about its requests in ``/metrics``.

The counters of tokens by request rise when a prompt has been read; those of steps rise with each piece of it, so both are summed.
"""

import re

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from hostd.domain.progress import EngineProgress, SlotProgress

_TIMEOUT = 2.0
_NUMBER = r"(?:\{[^}\n]*\})? ([0-9.eE+]+)$"
_GAUGE = re.compile(r"^vllm:(num_requests_running|num_requests_waiting)" + _NUMBER, re.MULTILINE)
_COUNTER = re.compile(
    r"^vllm:(?:iteration_tokens_total_(?:sum|count)|prompt_tokens_total|generation_tokens_total)" + _NUMBER,
    re.MULTILINE,
)


async def progress(http: HttpClient, endpoint: Endpoint) -> EngineProgress | None:
    """Return what the route says; None where there is none of vLLM's, or it does not answer within two seconds."""
    try:
        answer = await http.ask(f"{endpoint.url}/metrics", endpoint.headers, seconds=_TIMEOUT)
    except ExchangeError:
        return None
    return parse(answer.text) if answer.status == 200 else None


def parse(text: str) -> EngineProgress | None:
    """Return what *text*, in Prometheus' format, says of vLLM; None where it says nothing of it."""
    counts = {"num_requests_running": 0, "num_requests_waiting": 0}
    gauges = _GAUGE.findall(text)
    if not gauges:
        return None
    for name, value in gauges:
        counts[name] += int(float(value))
    steps = sum(float(value) for value in _COUNTER.findall(text))
    return EngineProgress((SlotProgress(0),) * counts["num_requests_running"], counts["num_requests_waiting"], steps)
