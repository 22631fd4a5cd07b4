"""A request on its way."""

import pytest

from hostd.domain.reason import USUAL_REASONS, FallbackReason
from hostd.domain.ticket import Priority, Route, Target, Ticket


def test_a_target_takes_any_reason_by_default() -> None:
    """Only an owner narrows them, or adds refusals by policy."""
    assert USUAL_REASONS == Target("m").on


def test_a_ticket_cannot_be_changed_on_its_way() -> None:
    """What was admitted is what is served; by default as an interactive request without a deadline of its own."""
    ticket = Ticket("t1", Route("m", (Target("m"),)))
    assert (Priority.INTERACTIVE, None) == (ticket.priority, ticket.deadline)
    with pytest.raises(AttributeError):
        ticket.deadline = 1.0  # type: ignore[misc]  # what is tested


def test_interactive_requests_come_before_batches() -> None:
    """The order of the classes is that in which they are served."""
    assert [Priority.INTERACTIVE, Priority.BATCH] == sorted(Priority)


def test_a_fallback_of_a_fallback_is_open_only_where_the_way_to_it_is() -> None:
    """A crash of the first choice does not reach what only its queue's overflow may pass on to."""
    crowds = frozenset({FallbackReason.QUEUE_TIMEOUT})
    route = Route("a", (Target("a"), Target("b", crowds, via="a"), Target("c", via="b"), Target("d", via="gone")))
    assert (False, True) == (
        route.open_to(2, FallbackReason.CRASHED, 0),
        route.open_to(2, FallbackReason.QUEUE_TIMEOUT, 0),
    )
    assert (True, True) == (route.open_to(2, FallbackReason.CRASHED, 1), route.open_to(3, FallbackReason.CRASHED, 0))
