"""What the machine's sleep does to models on cards: unloaded before, proved or loaded again after, and no request lost."""

from dataclasses import replace

from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.scheduling.events import (
    CardsReturned,
    EngineProved,
    HostResumed,
    LoadRequested,
    ShutdownRequested,
    SuspendAnnounced,
)
from hostd.scheduling.restart import GIVE_UP_AFTER
from tests.scheduling.memory import CARD, Machine, fits
from tests.scheduling.scenario import profile

ON_CARD = replace(fits(4.0), placement=Placement(devices=((CARD, 1.0),)))
ON_HOST = fits(1.0, pool="ram")


def machine(*warm: str) -> Machine:
    """Return a machine with a model on its card, ``a``, and one in main memory, ``h``, of which *warm* are loaded."""
    opened = Machine({CARD: 8.0, "ram": 8.0}, a=(ON_CARD,), h=(ON_HOST,))
    opened.open(profile("a"), profile("h"))
    for model in warm:
        opened.tell(LoadRequested(model, "asked"))
        opened.ready(model)
    return opened


def test_cards_are_empty_before_the_machine_sleeps() -> None:
    """What is in main memory stays; what was on a card is loaded again afterwards, without a request for it."""
    host = machine("a", "h")
    assert ["stop a"] == host.tell(SuspendAnnounced(5.0))
    assert [] == host.gone("a")
    assert ["check a", "start a"] == host.tell(HostResumed())


def test_an_answer_gets_the_time_that_the_machine_waits() -> None:
    """Its engine is stopped after that, however long the answer would take."""
    host = machine("a")
    host.arrive("t1")
    assert [] == host.tell(SuspendAnnounced(5.0), 10.0)
    assert [] == host.pass_time(14.9)
    assert ["stop a"] == host.pass_time(15.1)


def test_no_load_on_a_card_begins_meanwhile() -> None:
    """Its requests wait; those of main memory are served."""
    host = machine("h")
    host.tell(SuspendAnnounced(5.0))
    assert ["check a"] == host.arrive("t1")
    assert ["serve t2 by h"] == host.arrive("t2", "h")
    assert ["start a"] == host.tell(HostResumed())


def test_an_engine_that_slept_with_the_machine_proves_itself_first() -> None:
    """Requests wait for it, and are served once it has made a token."""
    host = machine("a", "h")
    assert ["prove a"] == host.tell(HostResumed())
    assert [] == host.arrive("t1")
    assert ["serve t2 by h"] == host.arrive("t2", "h")
    assert ["serve t1 by a"] == host.tell(EngineProved("a"))


def test_one_that_does_not_is_started_anew() -> None:
    """Its failure is handled as any other, and the next engine needs no proof."""
    host = machine("a")
    host.tell(HostResumed())
    host.arrive("t1")
    host.broke("a")
    host.pass_time(host.now + 1.0)
    assert ["serve t1 by a"] == host.ready("a")


def test_one_that_still_stops_is_started_again() -> None:
    """The machine was awake again before its engine had ended."""
    host = machine("a")
    host.tell(SuspendAnnounced(5.0))
    host.tell(HostResumed())
    assert ["check a", "start a"] == host.gone("a")


def test_a_card_that_comes_back_has_its_models_tried_again() -> None:
    """However often their loads had failed by then, and not those of another card."""
    host = machine()
    for number in range(GIVE_UP_AFTER):
        assert ["check a", "start a"] == host.arrive(f"t{number}", now=100.0 * number)
        host.broke("a", exit_class=ExitClass.DRIVER)
    assert ["refuse t8: load_failed"] == host.arrive("t8")
    assert [] == host.tell(CardsReturned(frozenset({"cuda:7"})))
    assert ["refuse t9: load_failed"] == host.arrive("t9")
    assert [] == host.tell(CardsReturned(frozenset({CARD})))
    assert ["check a", "start a"] == host.arrive("t10")


def test_a_daemon_that_ends_does_none_of_it() -> None:
    """What is loaded is stopped already."""
    host = machine("a")
    host.tell(ShutdownRequested())
    for event in (SuspendAnnounced(5.0), HostResumed(), CardsReturned(frozenset({CARD}))):
        assert [] == host.tell(event)
