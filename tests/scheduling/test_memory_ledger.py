"""What is promised of each pool, and what is left to promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.errors import Bug
from hostd.domain.host import Pool, PoolKind
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess
from hostd.scheduling.memory_ledger import MemoryLedger, ReservationState

CARD, OTHER = "cuda:0", "cuda:1"


def pool(free: int, *, total: int = 100, budget: int | None = None, name: str = CARD) -> Pool:
    """Return a measured card; its budget is all of it where nothing else is said."""
    return Pool(name, PoolKind.VRAM, name, total, free, total if budget is None else budget)


def takes(needs: int, peak: int = 0, name: str = CARD) -> LoadOption:
    """Return a choice that holds *needs* of a card, and *peak* more while it loads."""
    return LoadOption(0, "v0", needs={name: needs}, expected={name: needs}, transient={name: peak} if peak else {})


def ledger(budget: int = 100) -> MemoryLedger:
    """Return the ledger of an empty machine with one card of 100 bytes."""
    found = MemoryLedger()
    found.measured([pool(100, budget=budget)], {})
    return found


class TestPromises:
    """Loads."""

    def test_without_pools_nothing_is_counted(self) -> None:
        """Everything is taken to fit."""
        assert not MemoryLedger().counts
        assert ledger().counts

    def test_a_load_holds_its_transient_peak_until_it_is_ready(self) -> None:
        """Then only what it may grow to."""
        store = ledger()
        store.reserve("a", takes(60, peak=15))
        assert ({CARD: 25}, {CARD: 15}, ReservationState.LOADING) == (store.free(), store.returning(), store.state("a"))
        store.warm("a")
        assert ({CARD: 40}, {}, ReservationState.WARM) == (store.free(), store.returning(), store.state("a"))

    def test_two_loads_cannot_both_have_the_last_bytes(self) -> None:
        """The second one is a mistake of the caller, and changes nothing."""
        store = ledger()
        store.reserve("a", takes(60))
        assert {CARD: 20} == excess(takes(60).peak, store.free())
        with pytest.raises(Bug, match="'b' was promised memory that is not there"):
            store.reserve("b", takes(60))
        assert ({CARD: 40}, None, {}) == (store.free(), store.state("b"), store.held("b"))

    def test_an_adopted_engine_keeps_what_it_holds(self) -> None:
        """It is promised what it may grow to, and no less than it was seen to hold, even where others have taken that meanwhile."""
        store = ledger()
        store.measured([pool(40)], {"a": {CARD: 60}})
        store.adopt("a", takes(50, peak=15))
        assert ({CARD: 60}, ReservationState.LOADING) == (store.held("a"), store.state("a"))
        assert {CARD: 40} == store.free()
        store.adopt("b", takes(70))
        assert {CARD: -30} == store.free()

    def test_a_peak_alone_can_be_too_much(self) -> None:
        """What is over after the load counts while it lasts."""
        with pytest.raises(Bug):
            ledger().reserve("a", takes(90, peak=11))

    def test_the_budget_bounds_all_of_ours(self) -> None:
        """What the owner reserves is never promised, however free it is."""
        store = ledger(budget=70)
        assert {CARD: 70} == store.free()
        with pytest.raises(Bug):
            store.reserve("a", takes(71))

    def test_a_load_replaces_what_the_model_held_before(self) -> None:
        """A model that wakes is not counted twice."""
        store = ledger()
        store.reserve("a", takes(60))
        store.warm("a")
        store.slept("a", {CARD: 10})
        store.reserve("a", takes(95))
        assert {CARD: 5} == store.free()

    def test_less_is_held_when_more_is_known(self) -> None:
        """Measurements of loads narrow what it may grow to; it counts from the next measurement on."""
        store = ledger()
        store.reserve("a", takes(60))
        store.warm("a")
        store.learnt("a", takes(40))
        store.measured([pool(65)], {"a": {CARD: 35}})
        assert {CARD: 60} == store.free()

    def test_knowledge_of_what_holds_nothing_changes_nothing(self) -> None:
        """Neither for a model that is not there, nor for one that has gone."""
        store = ledger()
        store.learnt("a", takes(40))
        store.warm("a")
        store.stopping("a")
        store.stopped("a")
        store.slept("a", {CARD: 1})
        assert {CARD: 100} == store.free()


class TestMeasurements:
    """What was seen."""

    def test_more_than_was_thought_possible_counts_as_seen(self) -> None:
        """A warm engine that has outgrown its needs takes room from the others."""
        store = ledger()
        store.reserve("a", takes(60))
        store.warm("a")
        store.measured([pool(28)], {"a": {CARD: 72}})
        assert {CARD: 28} == store.free()

    def test_less_than_it_may_grow_to_does_not(self) -> None:
        """The cache of a warm engine fills up later."""
        store = ledger()
        store.reserve("a", takes(60))
        store.warm("a")
        store.measured([pool(90)], {"a": {CARD: 10}})
        assert {CARD: 40} == store.free()

    def test_a_load_in_flight_is_not_measured(self) -> None:
        """What it holds halfway says nothing; its peak stays promised."""
        store = ledger()
        store.reserve("a", takes(60, peak=20))
        store.measured([pool(95)], {"a": {CARD: 5}})
        assert ({CARD: 20}, {CARD: 0}) == (store.free(), store.others)

    def test_what_ours_do_not_explain_belongs_to_others(self) -> None:
        """It lowers what ours may hold in all, and comes back with the next measurement."""
        store = ledger(budget=90)
        store.measured([pool(70, budget=90)], {})
        assert ({CARD: 30}, {CARD: 70}) == (store.others, store.capacity)
        store.measured([pool(95, budget=90)], {})
        assert ({CARD: 5}, {CARD: 90}) == (store.others, store.free())

    def test_others_may_take_what_was_promised(self) -> None:
        """Less than nothing is free then, and nothing more is promised."""
        store = ledger()
        store.reserve("a", takes(60))
        store.warm("a")
        store.measured([pool(0)], {"a": {CARD: 50}})
        assert {CARD: -10} == store.free()

    def test_a_silent_driver_does_not_make_our_engine_a_stranger(self) -> None:
        """What is in use counts as the engine's up to what it was promised, and as others' beyond."""
        store = ledger()
        store.reserve("a", takes(60))
        store.warm("a")
        store.measured([pool(40)], {})
        assert ({CARD: 0}, {CARD: 40}) == (store.others, store.free())
        store.measured([pool(15)], {"a": {}})
        assert ({CARD: 25}, {CARD: 15}) == (store.others, store.free())

    def test_what_others_held_before_a_load_is_not_taken_for_the_load(self) -> None:
        """A load that has taken nothing yet does not hide other programs, so their memory is not promised to a second one."""
        store = ledger()
        store.measured([pool(40)], {})
        store.reserve("a", takes(40))
        store.measured([pool(40)], {})
        assert ({CARD: 60}, {CARD: 0}) == (store.others, store.free())

    def test_nor_for_a_load_that_was_called_off(self) -> None:
        """It has taken nothing, and others hold what they held before."""
        store = ledger()
        store.measured([pool(70)], {})
        store.reserve("a", takes(30))
        store.stopping("a")
        store.measured([pool(70)], {"a": {CARD: 0}})
        assert ({CARD: 30}, {CARD: 40}) == (store.others, store.free())
        store.stopped("a")
        store.measured([pool(70)], {})
        assert {CARD: 70} == store.free()

    def test_a_silent_load_in_flight_is_not_a_stranger(self) -> None:
        """What is in use beyond what others held before it began is its own."""
        store = ledger()
        store.measured([pool(70)], {})
        store.reserve("a", takes(40))
        store.measured([pool(35)], {})
        assert ({CARD: 30}, {CARD: 30}) == (store.others, store.free())

    def test_a_model_that_could_not_be_foreseen_counts_as_measured(self) -> None:
        """It began without a promise; what it was seen to hold is its own, and grows as it does."""
        store = ledger()
        store.measured([pool(70)], {"a": {CARD: 30}})
        assert ({CARD: 70}, ReservationState.WARM) == (store.free(), store.state("a"))
        store.measured([pool(55)], {"a": {CARD: 45}})
        assert {CARD: 55} == store.free()


class TestReturns:
    """Memory that comes back."""

    @pytest.fixture
    def store(self) -> MemoryLedger:
        """A ledger with a warm model of 60."""
        found = ledger()
        found.reserve("a", takes(60))
        found.warm("a")
        return found

    def test_what_leaves_is_on_its_way_but_not_there(self, store: MemoryLedger) -> None:
        """It may be planned with, but not promised."""
        assert {} == store.returning()
        store.stopping("a")
        assert ({CARD: 40}, {CARD: 60}) == (store.free(), store.returning())

    def test_what_has_gone_is_promised_after_the_next_measurement(self, store: MemoryLedger) -> None:
        """Not before it was seen to be back."""
        store.stopping("a")
        store.stopped("a")
        assert ({CARD: 40}, {CARD: 60}, ReservationState.RELEASED) == (
            store.free(),
            store.returning(),
            store.state("a"),
        )
        store.measured([pool(100)], {})
        assert ({CARD: 100}, {}, None) == (store.free(), store.returning(), store.state("a"))

    def test_what_others_took_meanwhile_is_not_promised(self, store: MemoryLedger) -> None:
        """Nor what the driver has not given back."""
        store.stopping("a")
        store.stopped("a")
        store.measured([pool(70)], {})
        assert {CARD: 70} == store.free()

    def test_a_measurement_from_before_the_end_does_not_count(self, store: MemoryLedger) -> None:
        """It still shows the engine; its memory is seen to be back only where the engine is not seen any more."""
        store.stopping("a")
        store.stopped("a")
        store.measured([pool(45)], {"a": {CARD: 55}})
        assert ({CARD: 40}, ReservationState.RELEASED) == (store.free(), store.state("a"))
        store.measured([pool(100)], {})
        assert {CARD: 100} == store.free()

    def test_a_sleeping_engine_keeps_only_what_it_said(self, store: MemoryLedger) -> None:
        """The rest is on its way, and promised after the next measurement."""
        store.stopping("a")
        store.slept("a", {"ram": 60})
        assert (40, 60, ReservationState.SLEEPING) == (store.free()[CARD], store.returning()[CARD], store.state("a"))
        store.measured([pool(100)], {"a": {"ram": 55}})
        assert ({"ram": 60}, ReservationState.WARM) == (
            {p: n for p, n in store.held("a").items() if n},
            store.state("a"),
        )
        assert (100, {}) == (store.free()[CARD], store.returning())

    def test_what_a_sleeper_was_seen_to_keep_is_not_promised(self, store: MemoryLedger) -> None:
        """Where it keeps more than it said, that counts; so does what others took meanwhile."""
        store.stopping("a")
        store.slept("a", {})
        store.measured([pool(70)], {"a": {CARD: 10}})
        assert ({CARD: 10}, {CARD: 70}, {CARD: 20}) == (store.held("a"), store.free(), store.others)

    def test_a_sleeper_that_ends_gives_the_rest_back(self, store: MemoryLedger) -> None:
        """Whether it had been measured in its sleep or not."""
        store.stopping("a")
        store.slept("a", {CARD: 10})
        store.stopped("a")
        assert ({CARD: 40}, ReservationState.RELEASED) == (store.free(), store.state("a"))
        store.measured([pool(100)], {})
        assert {CARD: 100} == store.free()


PARTS = st.dictionaries(st.sampled_from([CARD, OTHER]), st.integers(0, 40), max_size=2)


@given(loads=st.lists(st.tuples(PARTS, PARTS), max_size=8), others=PARTS, seen=st.lists(PARTS, max_size=8))
def test_what_is_free_is_what_was_promised_to_no_model(
    loads: list[tuple[Bytes, Bytes]], others: Bytes, seen: list[Bytes]
) -> None:
    """However loads are promised, end and are measured: what is left, ours and what others hold make up the pool."""
    store = MemoryLedger()
    cards = (CARD, OTHER)
    store.measured([pool(100 - others.get(card, 0), name=card) for card in cards], {})
    admitted: dict[str, LoadOption] = {}
    for number, (needs, peak) in enumerate(loads):
        option = LoadOption(0, "v0", needs=needs, transient=peak)
        if not excess(option.peak, store.free()):
            store.reserve(f"m{number}", option)
            admitted[f"m{number}"] = option
    for card in cards:
        promised = sum(option.peak.get(card, 0) for option in admitted.values())
        assert 100 - others.get(card, 0) - promised == store.free()[card] >= 0
    for name in admitted:
        store.warm(name)
    measured = [{card: min(held.get(card, 0), 10) for card in cards} for held in seen]
    held = {name: one for name, one in zip(admitted, measured, strict=False) if any(one.values())}
    used = {card: others.get(card, 0) + sum(one[card] for one in held.values()) for card in cards}
    store.measured([pool(100 - used[card], name=card) for card in cards], held)
    for card in cards:
        ours = sum(store.held(name).get(card, 0) for name in admitted)
        assert store.others[card] <= others.get(card, 0)
        assert 100 - store.others[card] - ours == store.free()[card]
    for name, option in admitted.items():
        most = max(held.get(name, {}).get(CARD, 0), option.needs.get(CARD, 0))
        assert most == store.held(name).get(CARD, 0)
