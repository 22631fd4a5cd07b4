"""When an attempt has taken too long."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.profile import Limits
from hostd.domain.reason import FallbackReason
from hostd.gateway.forwarding.attempt_limits import AttemptLimits

LIMITS = Limits(first_token_timeout=30.0, stall_timeout=45.0, total_timeout=600.0)


def test_limits_count_from_the_last_sign() -> None:
    """The first one's until the answer begins, then the other's."""
    limits = AttemptLimits(LIMITS, 100.0, 600.0)
    assert (130.0, FallbackReason.FIRST_TOKEN_TIMEOUT) == (limits.due, limits.reason)
    limits.progress(125.0)
    assert (155.0, FallbackReason.FIRST_TOKEN_TIMEOUT) == (limits.due, limits.reason)
    limits.began_answer = True
    limits.progress(150.0)
    assert (195.0, FallbackReason.STALL) == (limits.due, limits.reason)


def test_a_sign_from_before_it_began_is_none() -> None:
    """The engine may have been at work for others."""
    limits = AttemptLimits(LIMITS, 100.0, 600.0)
    limits.progress(90.0)
    assert 130.0 == limits.due


def test_time_in_which_nothing_could_be_received_does_not_count() -> None:
    """Neither for the engine's limits nor for the whole."""
    limits = AttemptLimits(LIMITS, 100.0, 40.0)
    limits.excuse(20.0)
    assert (150.0, False) == (limits.due, limits.is_over(159.0))
    assert limits.is_over(160.0)


@given(st.lists(st.floats(0.0, 29.9), min_size=1, max_size=100))
def test_only_the_whole_time_ends_steady_progress(pauses: list[float]) -> None:
    """No pause within the limit does."""
    limits, now = AttemptLimits(LIMITS, 0.0, 600.0), 0.0
    for pause in pauses:
        now += pause
        assert limits.due > now or limits.is_over(now)
        limits.progress(now)


def test_a_prompt_may_be_given_a_time_of_its_own() -> None:
    """It counts from the beginning, progress or not, and no longer once the answer has begun."""
    limits = AttemptLimits(replace(LIMITS, prefill_timeout=50.0), 100.0, 600.0)
    limits.progress(140.0)
    assert (150.0, False, True) == (limits.due, limits.reads_too_long(149.0), limits.reads_too_long(150.0))
    assert limits.reason is FallbackReason.FIRST_TOKEN_TIMEOUT
    limits.excuse(5.0)
    assert 155.0 == limits.due
    limits.began_answer = True
    assert (190.0, False) == (limits.due, limits.reads_too_long(160.0))
