"""How the sentence of a decision begins: what happened, with gaps for names and numbers."""

from hostd.scheduling.decisions import Charged, Decision, FellBack, Refused, RequestDecision, RequestSuspected, Routed
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
    ModelDecision,
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


def lead(decision: Decision) -> str:
    """Return what happened, as a text for `str.format_map` with the decision's numbers by their names on the wire."""
    return _of_request(decision) if isinstance(decision, RequestDecision) else _of_model(decision)


def _of_request(decision: RequestDecision) -> str:
    match decision:
        case Routed():
            return "'{model}' answers"
        case FellBack():
            return "the request moves on from '{model}' to '{to}' ({reason})"
        case Refused():
            return "the request is refused ({code})"
        case RequestSuspected(alone=True):
            return "the request is taken for the cause of the crash of '{model}'"
        case RequestSuspected():
            return "the request may be the cause of the crash of '{model}'"
        case Charged(provider=None):
            return "the request to '{model}' has used up {tokens} tokens and {usd}"
        case Charged():
            return "the request to '{model}' has cost {usd} at {provider}"
        case LoopDetected(to=None):
            return "the request is refused, as it goes round in a circle"
        case LoopDetected():
            return "the request goes to '{to}', as it goes round in a circle"
        case ContextFitted():
            return "the request is too long for '{model}' and all others, and is cut from {bytes_before} to {bytes_after} bytes"
        case CheckFailed(kept=True):
            return "the answer of '{model}' has not passed '{check}'"
        case CheckFailed():
            return "the answer of '{model}' is held back: it has not passed '{check}'"


def _of_model(decision: ModelDecision) -> str:  # noqa: C901, PLR0912 - one line for each kind
    match decision:
        case LoadStarted():
            return "'{model}' is being loaded"
        case WakeStarted():
            return "'{model}' is being woken"
        case Adopted():
            return "'{model}' goes on with the engine that was left running"
        case ModelReady():
            return "'{model}' is ready after {load_s}"
        case Slept():
            return "'{model}' is put to sleep"
        case Unloaded():
            return "'{model}' is unloaded"
        case StopCompleted():
            return "the engine of '{model}' has stopped"
        case FailureHandled(loading=True):
            return "'{model}' could not be loaded ({exit_class})"
        case FailureHandled():
            return "the engine of '{model}' failed ({exit_class})"
        case VariantSkipped():
            return "another variant of '{model}' is tried, as {tried} did not work ({exit_class})"
        case MemoryGranted():
            return "'{model}' is granted memory"
        case WaitingForMemory():
            return "'{model}' waits for memory"
        case InsufficientMemory():
            return "there is not enough memory for '{model}'"
        case LoadDeferred():
            return "the load of '{model}' is put off for want of memory"
        case Evicted():
            return "'{model}' is evicted for '{for}'"
        case BreakerOpened():
            return "'{model}' is left alone for {wait_s} ({reason})"
        case BreakerClosed():
            return "'{model}' answers again and takes all requests"
        case WarmPlanned(warm=True):
            return "'{model}' is in the warm set"
        case WarmPlanned():
            return "'{model}' is left out of the warm set"
        case Pinned():
            return "'{model}' is pinned"
        case Unpinned():
            return "'{model}' is no longer pinned"
