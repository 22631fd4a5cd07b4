"""Records to keep in tests."""

from typing import Any

from hostd.domain.footprint import Component
from hostd.planning.footprint.calibration import Observation, ServingKey
from hostd.telemetry.sinks import LoadRecord, RequestRecord

NOON = 1_763_636_400.0
"""2025-11-20 11:00 UTC, in Berlin 12:00."""


def request(at: float = NOON, **more: Any) -> RequestRecord:
    """Return a request that was answered at once: 100 tokens in, 51 out, a second to the first and one for the others."""
    usual: dict[str, Any] = {
        "id": "req_1",
        "at": at,
        "asked": "alpha",
        "model": "alpha",
        "backend": "llamacpp",
        "route": "primary",
        "outcome": "answered",
        "status": 200,
        "client": None,
        "stream": True,
        "waited": 0.0,
        "loaded": 0.0,
        "ttft": 1.0,
        "total": 2.0,
        "prompt_tokens": 100,
        "output_tokens": 51,
    }
    return RequestRecord(**usual | more)


def load(at: float = NOON, seconds: float = 4.0, **more: Any) -> LoadRecord:
    """Return a load."""
    usual: dict[str, Any] = {
        "at": at,
        "model": "alpha",
        "variant": "llamacpp:a.gguf",
        "seconds": seconds,
        "needs": {"cuda:0": 7},
        "why": "request",
    }
    return LoadRecord(**usual | more)


def observed(total: int = 9, model: str = "model.gguf:123") -> Observation:
    """Return what a load of *model* took of main memory."""
    key = ServingKey(model, 8192, 2, "f16", "b11549", "cpu", "batch=2048")
    return Observation(key, {"ram": {Component.WEIGHTS: 2}}, {"ram": {Component.WEIGHTS: 4}}, {"ram": total})
