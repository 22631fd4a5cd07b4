"""A request on its way."""

import dataclasses

import pytest

from hostd.domain.reason import Reason
from hostd.domain.ticket import Route, Target, Ticket


def test_a_target_takes_any_reason_by_default() -> None:
    """Only an owner narrows them."""
    assert set(Reason) == Target("m").on


def test_a_ticket_cannot_be_changed_on_its_way() -> None:
    """What was admitted is what is served."""
    ticket = Ticket("t1", Route("m", (Target("m"),)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        ticket.stream = True  # type: ignore[misc]  # what is tested
