"""Requests that fail for their own fault cost no more money than they must."""

from dataclasses import replace

import pytest

from hostd.domain.profile import Price, Profile
from hostd.domain.reason import FallbackReason
from hostd.scheduling.effects import Refuse
from tests.scheduling.scenario import Rehearsal, profile
from tests.scheduling.test_spending import cloud

OWN_FAULT = FallbackReason.BAD_TOOL_CALL


@pytest.fixture
def stage() -> Rehearsal:
    """Two local models, and then a cheap and a dear one of a provider."""
    dear = replace(cloud("dear"), price=Price(10.0, 50.0))
    chain: tuple[Profile, ...] = (profile("a", "b"), profile("b", "cheap"), cloud("cheap", "dear"), dear)
    stage = Rehearsal(*chain)
    stage.warm(*(each.name for each in chain))
    return stage


def test_a_request_that_is_at_fault_is_not_tried_on_a_dearer_model(stage: Rehearsal) -> None:
    """After two models have failed it; the answer says which one was spared."""
    assert ["serve 1 by a"] == stage.arrive("1")
    assert ["serve 1 by b for bad_tool_call"] == stage.fail("1", OWN_FAULT)
    assert ["refuse 1: bad_tool_call"] == stage.fail("1", OWN_FAULT)
    assert "'cheap' costs more, and was not asked: 2 models have failed the request" in stage.last(Refuse).error.message


def test_one_failure_may_be_the_models_own(stage: Rehearsal) -> None:
    """And failures that are the engine's fault do not count, nor does a prompt that is too long."""
    stage.arrive("1")
    stage.fail("1", FallbackReason.CRASHED)
    stage.fail("1", OWN_FAULT)
    assert ["serve 1 by dear for stall"] == stage.fail("1", FallbackReason.STALL)
    stage.arrive("2")
    assert ["serve 2 by b for status_5xx"] == stage.fail("2", FallbackReason.STATUS_5XX)


def test_a_cheaper_model_is_still_tried() -> None:
    """Money is what is spared, not tries."""
    chain = (cloud("a", "b"), cloud("b", "local"), profile("local"))
    stage = Rehearsal(*chain)
    stage.warm(*(each.name for each in chain))
    stage.arrive("1")
    stage.fail("1", OWN_FAULT)
    assert ["serve 1 by local for unfit"] == stage.fail("1", FallbackReason.UNFIT)
