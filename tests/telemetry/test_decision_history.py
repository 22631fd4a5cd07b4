"""The last decisions."""

from hostd.domain.reason import FallbackReason
from hostd.scheduling.decisions import Charged, Decision, FellBack, Refused, Routed
from hostd.scheduling.model_decisions import Evicted, LoadStarted, ModelReady
from hostd.telemetry.decision_history import MOST_A_SECOND, DecisionHistory
from hostd.telemetry.sinks import DecisionRecord
from tests.telemetry.example_decisions import example


def history_of(*decisions: Decision, most: int = 2000) -> DecisionHistory:
    """Return a history of *decisions*, one a second from 1970 on."""
    history = DecisionHistory(most)
    for at, decision in enumerate(decisions):
        history.decided(decision, float(at))
    return history


def names(history: DecisionHistory, last: int = 100, **about: str) -> list[str]:
    """Return which decisions are told."""
    return [told["decision"] for told in history.decisions(last, **about)]


def test_tells_a_decision_as_data() -> None:
    """When, what, about whom, a sentence, and every number, the decision's own reason under another name."""
    (told,) = history_of(LoadStarted("m", "request", None, queued=2, restarts=0)).decisions(5)
    assert {
        "at": "1970-01-01T00:00:00.000Z",
        "decision": "load_started",
        "model": "m",
        "request": None,
        "why": "'m' is being loaded: a request needs it [2 queued]",
        "cause": "request",
        "variant": None,
        "queued": 2,
        "restarts": 0,
    } == told


def test_tells_about_a_model() -> None:
    """Decisions about it, and those about another that were made for it or moved to it; newest last."""
    history = history_of(
        example(LoadStarted, model="other"),
        example(Evicted, model="big", for_model="m"),
        example(FellBack, model="other", to="m"),
        example(Routed, model="other", asked="m", reason=FallbackReason.STALL),
        example(ModelReady, model="m"),
    )
    assert ["evicted", "fell_back", "routed", "model_ready"] == names(history, model="m")
    assert ["routed", "model_ready"] == names(history, 2, model="m")
    assert [] == names(history, 0, model="m")


def test_tells_about_a_request() -> None:
    """By its id, also where the client gave it and ours adds to it."""
    history = history_of(
        example(Routed, ticket_id="abc"),
        example(Routed, ticket_id="abc/7f"),
        example(Refused, ticket_id="abcd"),
        example(LoadStarted),
    )
    assert ["routed", "routed"] == names(history, request="abc")
    assert ["refused"] == names(history, request="abcd")
    assert [] == names(history, request="ab")


def test_a_busy_hour_hides_no_eviction() -> None:
    """Routes are kept apart, both kinds are bounded, and those of first choices are told about their request only."""
    usual = [example(Routed, ticket_id=f"r{number}") for number in range(5)]
    moved = example(Routed, ticket_id="r", reason=FallbackReason.STALL)
    history = history_of(example(Evicted), *usual, moved, example(ModelReady), *usual[:2], most=3)
    assert ["evicted", "routed", "model_ready"] == names(history)
    assert ["evicted", "routed", "model_ready"] == names(history, model="m")
    assert ["routed"] == names(history, request="r1")
    assert "<DecisionHistory: 2 decisions, 3 routes>" == repr(history)


def kept_of(*decisions: Decision, at: float = 5.0) -> list[Decision]:
    """Return which of *decisions* are written down."""
    records: list[DecisionRecord] = []
    history = DecisionHistory(keep=records.append)
    for decision in decisions:
        history.decided(decision, at)
    return [record.decision for record in records]


def test_writes_down_what_no_record_of_a_request_says() -> None:
    """A first choice's answer and what it cost stand in records of their own."""
    moved = example(Routed, reason=FallbackReason.STALL)
    assert [example(Evicted), moved] == kept_of(example(Evicted), example(Routed), moved, example(Charged))


def test_a_flood_of_refusals_is_not_written_down() -> None:
    """Some of each second are, and all about models."""
    refused = [example(Refused, ticket_id=f"r{number}") for number in range(1000)]
    kept = kept_of(*refused, example(Evicted))
    assert (MOST_A_SECOND + 1, example(Evicted)) == (len(kept), kept[-1])
