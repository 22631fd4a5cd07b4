"""Decisions to write down in tests, of each kind one."""

from dataclasses import replace
from typing import Any

from hostd.domain.lifecycle import State
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.scheduling.decisions import Charged, Decision, FellBack, Refused, RequestSuspected, Routed
from hostd.scheduling.gateway_decisions import CheckFailed, ContextFitted, LoopDetected
from hostd.scheduling.model_decisions import (
    Adopted,
    BreakerClosed,
    BreakerOpened,
    Evicted,
    FailureHandled,
    InsufficientMemory,
    LoadDeferred,
    LoadStarted,
    MemoryGranted,
    ModelReady,
    Pinned,
    Slept,
    StopCompleted,
    Unloaded,
    Unpinned,
    VariantSkipped,
    WaitingForMemory,
    WakeStarted,
    WarmPlanned,
)
from hostd.scheduling.weighed_model import WeighedModel

GIB = 2**30
_CARD = {"cuda:0": GIB}
CANDIDATE = WeighedModel(
    "big", cost_s=12.5, free_in_s=None, state=State.READY, in_flight=1, queued=0, bytes={"cuda:0": 6 * GIB}
)
EXAMPLES: tuple[Decision, ...] = (
    Routed("m", "req_1", "gpt-4o", None, attempt=1, waited_ms=1.54, capacity=2, in_flight=1, queued=0),
    FellBack("m", "req_1", "n", FallbackReason.STALL, "it sent nothing for 45 s", waited_ms=2.5, in_flight=1, queued=0),
    Refused("m", "req_1", "m", "down", "it is down", waited_ms=0.0, retry_after=9.898, in_flight=0, queued=0),
    RequestSuspected("m", "req_1", "it was killed by SIGSEGV", alone=True, engines=1, refused_for_s=300.0),
    Charged("m", "req_1", "zai", usd=0.0123456, today_usd=1.5, cap_usd=5.0),
    LoopDetected("m", "req_1", "small", "it has come through 6 gateways"),
    CheckFailed("m", "req_1", "json_schema", "$ lacks a"),
    ContextFitted("m", "req_1", 3, 12, "n", 80_000, 20_000),
    BreakerOpened("m", FallbackReason.STATUS_5XX, "no (status 500)", failures=5, requests=6, wait_s=2.0),
    BreakerClosed("m", opened=2),
    LoadStarted("m", "request", "llamacpp:a", queued=0, restarts=0),
    WakeStarted("m", "request", None, queued=1, restarts=2),
    Adopted("m", "llamacpp:a"),
    ModelReady("m", load_s=2.0, slots=4, queued=0),
    Slept("m", level=1, keeps={"ram": GIB}),
    Unloaded("m", "idle", in_flight=0, idle_s=1800.04),
    StopCompleted("m", queued=0),
    FailureHandled("m", ExitClass.DRIVER, "it died", loading=False, in_a_row=2, again_in_s=1.0),
    VariantSkipped("m", ExitClass.MISSING_FILE, "no such file", "llamacpp:a", ("llamacpp:b",)),
    MemoryGranted("m", "request", "llamacpp:a", _CARD, {"cuda:0": 2 * GIB}, waited_s=1.234, evicted=("a",)),
    WaitingForMemory("m", "window", "v", _CARD, {}, 4.0, ("a", "b"), candidates=(CANDIDATE,), queued=3, late=2),
    InsufficientMemory("m", _CARD, {}, {"ram": GIB}, pinned=("a",)),
    LoadDeferred("m", "demand", "llamacpp:a", _CARD, {}, _CARD),
    Evicted("m", "small", "request", 12.5, _CARD, _CARD, free_soon=_CARD, candidates=(CANDIDATE,), in_flight=0),
    WarmPlanned("m", warm=True, why="demand", variant="llamacpp:a", needs=_CARD),
    Pinned("m", "asked"),
    Unpinned("m", "reconfigured"),
)


def example(kind: type[Decision], **more: Any) -> Decision:
    """Return the example of *kind*, changed by *more*."""
    found = next(each for each in EXAMPLES if isinstance(each, kind))
    return found._replace(**more) if isinstance(found, Routed) else replace(found, **more)
