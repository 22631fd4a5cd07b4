"""What one target of a provider is told holds for all of its targets."""

from dataclasses import replace

import pytest

from hostd.domain.profile import FallbackRule, Profile, Variant
from hostd.domain.reason import FallbackReason
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.effects import Refuse
from hostd.scheduling.events import AttemptFailed
from hostd.scheduling.provider_limits import UNSAID
from tests.scheduling.scenario import Rehearsal, only, profile


def cloud(name: str, *fallback: str | FallbackRule, provider: str = "zai", **more: float) -> Profile:
    """Return a cloud profile."""
    return replace(profile(name, *fallback, **more), variants=(Variant("cloud", provider=provider, model=name),))


def refused(stage: Rehearsal, ticket_id: str, retry_after: float | None, now: float | None = None) -> list[str]:
    """Let the provider refuse a request."""
    return stage.tell(AttemptFailed(ticket_id, FallbackReason.STATUS_429, "no", 429, retry_after=retry_after), now)


def retry_after(stage: Rehearsal) -> float | None:
    """Return what the client of the last refusal was told."""
    (effect,) = [effect for effect in stage.effects if isinstance(effect, Refuse)]
    assert 429 == effect.error.status
    return effect.error.retry_after


@pytest.fixture
def stage() -> Rehearsal:
    """Two models of one provider, one of another, and a local one that the first may fall back to; all are ready."""
    made = Rehearsal(
        cloud("a", "local"),
        cloud("b", queue_timeout=20.0),
        cloud("other", provider="xai"),
        profile("local", max_concurrent=8),
    )
    made.warm("a", "b", "other", "local")
    return made


def test_no_target_of_the_provider_is_asked_until_then(stage: Rehearsal) -> None:
    """A request with a fallback goes there at once, one without waits, and another provider is none of this."""
    stage.arrive("1", "a", 0.0)
    assert ["serve 1 by local for status_429"] == refused(stage, "1", 8.0)
    assert ["serve 2 by local for status_429"] == stage.arrive("2", "a", 1.0)
    assert [] == stage.arrive("3", "b", 2.0)
    assert ["serve 4 by other"] == stage.arrive("4", "other", 3.0)
    assert [] == stage.pass_time(7.9)
    assert ["serve 3 by b"] == stage.pass_time(8.0)
    assert ["serve 5 by a"] == stage.arrive("5", "a")


def test_one_that_was_refused_is_sent_again_then(stage: Rehearsal) -> None:
    """Once, where it has no fallback and the time is within its queue_timeout."""
    stage.arrive("1", "b", 0.0)
    assert [] == refused(stage, "1", 8.0)
    assert [] == stage.pass_time(7.9)
    assert ["serve 1 by b"] == stage.pass_time(8.0)
    refused(stage, "1", 3.0)
    assert 3.0 == retry_after(stage)


def test_the_refusal_tells_the_providers_time(stage: Rehearsal) -> None:
    """To the request that was refused, and to those that would wait for longer than they may; within a minute."""
    stage.arrive("1", "b", 0.0)
    refused(stage, "1", 25.0)
    assert 25.0 == retry_after(stage)
    stage.arrive("2", "b", 1.0)
    assert 24.0 == retry_after(stage)
    stage.arrive("3", "b", 10.0, timeout=5.0)
    assert 15.0 == retry_after(stage)
    stage.arrive("4", "other")
    refused(stage, "4", 900.0)
    assert 60.0 == retry_after(stage)


def test_those_that_wait_already_move_on(stage: Rehearsal) -> None:
    """Before a slot is free for them: none of them is sent to the provider that has just refused another."""
    narrow = Rehearsal(cloud("a", "local", max_concurrent=1), cloud("b", max_concurrent=1), profile("local"))
    narrow.warm("a", "b", "local")
    narrow.arrive("1", "a", 0.0)
    narrow.arrive("2", "b")
    assert [] == narrow.arrive("3", "a")
    assert [] == narrow.arrive("4", "b")
    assert ["serve 1 by local for status_429", "serve 3 by local for status_429"] == refused(narrow, "1", 3.0)
    # What the provider is at goes on; its slot stays empty for the time being.
    assert [] == narrow.finish("2", 1.0)
    assert ["serve 4 by b"] == narrow.pass_time(3.0)
    assert [] == stage.pass_time(100.0)


def test_the_longest_time_counts(stage: Rehearsal) -> None:
    """Requests that were under way together may be refused with different times."""
    for ticket_id in ("1", "2"):
        stage.arrive(ticket_id, "a", 0.0)
    refused(stage, "1", 10.0)
    refused(stage, "2", 1.0)
    assert ["serve 3 by local for status_429"] == stage.arrive("3", "a", 9.0)
    stage.pass_time(10.0)
    assert ["serve 4 by a"] == stage.arrive("4", "a")


def test_a_provider_that_gives_no_time(stage: Rehearsal) -> None:
    """It is left alone for a while all the same; for no time at all if it says so."""
    stage.arrive("1", "a", 0.0)
    refused(stage, "1", None)
    assert ["serve 2 by local for status_429"] == stage.arrive("2", "a", UNSAID - 0.1)
    stage.pass_time(UNSAID)
    stage.arrive("3", "a")
    refused(stage, "3", 0.0)
    stage.pass_time(UNSAID)
    assert ["serve 4 by a"] == stage.arrive("4", "a")


def test_a_chain_skips_what_is_closed() -> None:
    """A fallback of the same provider is passed over; a rule that is not for this reason is not taken."""
    stage = Rehearsal(
        cloud("a", "b", "local"), cloud("b"), profile("local"), cloud("c", only("local", FallbackReason.STALL))
    )
    stage.warm("a", "b", "local", "c")
    stage.arrive("1", "a", 0.0)
    assert ["serve 1 by local for status_429"] == refused(stage, "1", 50.0)
    assert ["refuse 2: status_429"] == stage.arrive("2", "c")


def overloaded(stage: Rehearsal, ticket_id: str, retry_after: float | None) -> list[str]:
    """Let the provider answer with an error that is no 429."""
    return stage.tell(AttemptFailed(ticket_id, FallbackReason.STATUS_5XX, "no", 529, retry_after=retry_after))


def test_one_that_is_overloaded_is_left_alone_for_as_long_as_it_says(stage: Rehearsal) -> None:
    """As after a 429; one that does not say for how long has failed this request alone."""
    stage.arrive("1", "a", 0.0)
    assert ["serve 1 by local for status_5xx"] == overloaded(stage, "1", 8.0)
    assert ["serve 2 by local for status_429"] == stage.arrive("2", "a", 1.0)
    stage.pass_time(8.0)
    stage.arrive("3", "a")
    assert ["serve 3 by local for status_5xx"] == overloaded(stage, "3", None)
    assert ["serve 4 by a"] == stage.arrive("4", "a")


def test_an_only_target_that_is_overloaded_is_asked_again_then_or_not_at_all(stage: Rehearsal) -> None:
    """Not at once, and not after a time for which no request waits."""
    stage.arrive("1", "b", 0.0)
    assert [] == overloaded(stage, "1", 8.0)
    assert ["serve 1 by b"] == stage.pass_time(8.0)
    stage.arrive("2", "other")
    assert ["refuse 2: status_5xx"] == overloaded(stage, "2", 600.0)


def test_a_local_model_is_never_closed() -> None:
    """An engine's 429 is about that request alone."""
    stage = Rehearsal(profile("a"))
    stage.warm("a")
    stage.arrive("1")
    refused(stage, "1", 30.0)
    assert ["serve 2 by a"] == stage.arrive("2")


def test_a_local_engine_that_takes_over_is_not_held_up() -> None:
    """The provider's time is not that of another variant of the same profile."""
    both = (Variant("cloud", provider="zai", model="m"), Variant("llamacpp", path="m.gguf"))
    stage = Rehearsal(replace(profile("a"), variants=both))
    stage.warm("a")
    stage.arrive("1")
    refused(stage, "1", 30.0)
    stage.scheduler.models["a"].option = LoadOption(1, "llamacpp:m.gguf")
    assert ["serve 2 by a"] == stage.arrive("2", now=1.0)
    stage.pass_time(30.0)
    stage.scheduler.models["a"].option = None
    assert ["serve 3 by a"] == stage.arrive("3")
