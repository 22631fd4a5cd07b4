"""An offer says what a request would meet: a slot, a queue, a load, or nothing at all."""

from dataclasses import replace

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.offer import FREE, Offer
from hostd.domain.profile import Price, Variant
from hostd.domain.reason import FallbackReason
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD
from hostd.scheduling.circuit_breaker import LEAST_SAMPLES
from hostd.scheduling.events import EngineStopped, RoutedPast, UnloadRequested
from tests.scheduling.scenario import Rehearsal, profile


def _offer(stage: Rehearsal, model: str = "a") -> Offer:
    return stage.scheduler.offers([model, "unknown"]).models[model]


def test_a_warm_model_offers_its_free_slot_and_its_queue() -> None:
    """What was measured counts as soon as it was."""
    stage = Rehearsal(profile("a", max_concurrent=1))
    stage.warm("a")
    assert _offer(stage) == Offer()
    stage.arrive("1")
    stage.finish("1", seconds=4.0)
    stage.arrive("2")
    assert _offer(stage).wait == 4.0
    stage.arrive("3")
    assert _offer(stage).wait == 8.0
    stage.scheduler.models["a"].speed.learn(AnswerSums(100, 0, 50, reading=0.1, writing=1.0, ttft=0.2))
    offer = _offer(stage)
    assert (offer.reads, offer.writes, offer.ttft) == (1000.0, 50.0, 0.2)


def test_a_cold_model_offers_its_load() -> None:
    """It may be loaded while another answers, unless that is under way; one that gave up is not available."""
    stage = Rehearsal(profile("a"))
    assert _offer(stage) == Offer(load=UNMEASURED_LOAD, loadable=True)
    assert stage.tell(RoutedPast("a")) == ["start a"]
    assert _offer(stage) == Offer(load=UNMEASURED_LOAD)
    assert stage.tell(RoutedPast("a")) == []
    stage.ready()
    assert _offer(stage) == Offer()
    assert stage.tell(RoutedPast("a")) == []
    stage.tell(UnloadRequested("a"))
    stage.tell(EngineStopped("a"))
    assert (_offer(stage).load, _offer(stage).loadable) == (1.0, True)


def test_a_load_that_fails_is_not_driven_by_requests_that_went_elsewhere() -> None:
    """Each of them would try it once more; a name that is gone is no error."""
    stage = Rehearsal(profile("a"))
    stage.tell(RoutedPast("a"))
    while "start a" in stage.broke("a", stage.now) or stage.scheduler.models["a"].restarts.again_at is not None:
        stage.pass_time(stage.now + 3600.0)
    assert not _offer(stage).available
    assert stage.tell(RoutedPast("a")) == []
    assert stage.tell(RoutedPast("gone")) == []


def test_a_provider_offers_its_price_and_is_never_loaded() -> None:
    """Its own where the owner says so, else that of the list."""
    cloud = replace(profile("a"), variants=(Variant("cloud", provider="openai", model="gpt-5"),))
    stage = Rehearsal(cloud, replace(cloud, name="b", price=Price(1.0, 2.0)), profile("c"))
    assert (_offer(stage).price, _offer(stage, "b").price, _offer(stage, "c").price) == (
        Price(1.25, 10.0),
        Price(1.0, 2.0),
        FREE,
    )
    assert not _offer(stage).loadable


def test_a_model_behind_an_open_breaker_is_not_available() -> None:
    """Requests that could go elsewhere do."""
    stage = Rehearsal(profile("a"))
    stage.warm("a")
    for number in range(LEAST_SAMPLES):
        stage.arrive(str(number))
        while stage.fail(str(number), FallbackReason.STATUS_5XX) == [f"serve {number} by a"]:
            pass
    assert not _offer(stage).available
