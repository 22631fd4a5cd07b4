"""A request on its way along its route."""

from hostd.domain.ticket import Route, Target, Ticket
from hostd.scheduling.request_state import RequestState


def test_it_is_at_one_target_of_its_route() -> None:
    """The first one, until it is moved on."""
    request = RequestState(Ticket("1", Route("a", (Target("a"), Target("b")))), arrived=0.0, expires=1.0)
    assert "a" == request.target.model
    request.target_index = 1
    assert "b" == request.target.model
