"""What is promised of each pool, and what is left to promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.errors import Bug
from hostd.domain.host import Pool, PoolKind
from hostd.planning.warm_set.load_option import Choice
from hostd.scheduling.memory_ledger import Bytes, Ledger, Stage, excess

CARD, OTHER = "cuda:0", "cuda:1"


def pool(free: int, *, total: int = 100, budget: int | None = None, name: str = CARD) -> Pool:
    """Return a measured card; its budget is all of it where nothing else is said."""
    return Pool(name, PoolKind.VRAM, name, total, free, total if budget is None else budget)


def takes(needs: int, peak: int = 0, name: str = CARD) -> Choice:
    """Return a choice that holds *needs* of a card, and *peak* more while it loads."""
    return Choice(0, "v0", needs={name: needs}, expected={name: needs}, transient={name: peak} if peak else {})


def ledger(budget: int = 100) -> Ledger:
    """Return the ledger of an empty machine with one card of 100 bytes."""
    found = Ledger()
    found.seen([pool(100, budget=budget)], {})
    return found


class TestPromises:
    """Loads."""

    def test_without_pools_nothing_is_counted(self) -> None:
        """Everything is taken to fit."""
        assert not Ledger().counts
        assert ledger().counts

    def test_a_load_holds_its_transient_peak_until_it_is_ready(self) -> None:
        """Then only what it may grow to."""
        book = ledger()
        book.reserve("a", takes(60, peak=15))
        assert ({CARD: 25}, {CARD: 15}, Stage.LOADING) == (book.room(), book.returning(), book.stage("a"))
        book.warm("a")
        assert ({CARD: 40}, {}, Stage.WARM) == (book.room(), book.returning(), book.stage("a"))

    def test_two_loads_cannot_both_have_the_last_bytes(self) -> None:
        """The second one is a mistake of whoever asked, and changes nothing."""
        book = ledger()
        book.reserve("a", takes(60))
        assert {CARD: 20} == excess(takes(60).peak, book.room())
        with pytest.raises(Bug, match="'b' was promised memory that is not there"):
            book.reserve("b", takes(60))
        assert ({CARD: 40}, None, {}) == (book.room(), book.stage("b"), book.held("b"))

    def test_a_peak_alone_can_be_too_much(self) -> None:
        """What is over after the load counts while it lasts."""
        with pytest.raises(Bug):
            ledger().reserve("a", takes(90, peak=11))

    def test_the_budget_bounds_all_of_ours(self) -> None:
        """What the owner reserves is never promised, however free it is."""
        book = ledger(budget=70)
        assert {CARD: 70} == book.room()
        with pytest.raises(Bug):
            book.reserve("a", takes(71))

    def test_a_load_replaces_what_the_model_held_before(self) -> None:
        """A model that wakes is not counted twice."""
        book = ledger()
        book.reserve("a", takes(60))
        book.warm("a")
        book.slept("a", {CARD: 10})
        book.reserve("a", takes(95))
        assert {CARD: 5} == book.room()

    def test_less_is_held_when_more_is_known(self) -> None:
        """Measurements of loads narrow what it may grow to; it counts from the next measurement on."""
        book = ledger()
        book.reserve("a", takes(60))
        book.warm("a")
        book.learnt("a", takes(40))
        book.seen([pool(65)], {"a": {CARD: 35}})
        assert {CARD: 60} == book.room()

    def test_knowledge_of_what_holds_nothing_changes_nothing(self) -> None:
        """Neither for a model that is not there, nor for one that has gone."""
        book = ledger()
        book.learnt("a", takes(40))
        book.warm("a")
        book.leaves("a")
        book.gone("a")
        book.slept("a", {CARD: 1})
        assert {CARD: 100} == book.room()


class TestMeasurements:
    """What was seen."""

    def test_more_than_was_thought_possible_counts_as_seen(self) -> None:
        """A warm engine that has outgrown its needs takes room from the others."""
        book = ledger()
        book.reserve("a", takes(60))
        book.warm("a")
        book.seen([pool(28)], {"a": {CARD: 72}})
        assert {CARD: 28} == book.room()

    def test_less_than_it_may_grow_to_does_not(self) -> None:
        """The cache of a warm engine fills up later."""
        book = ledger()
        book.reserve("a", takes(60))
        book.warm("a")
        book.seen([pool(90)], {"a": {CARD: 10}})
        assert {CARD: 40} == book.room()

    def test_a_load_in_flight_is_not_measured(self) -> None:
        """What it holds halfway says nothing; its peak stays promised."""
        book = ledger()
        book.reserve("a", takes(60, peak=20))
        book.seen([pool(95)], {"a": {CARD: 5}})
        assert ({CARD: 20}, {CARD: 0}) == (book.room(), book.others)

    def test_what_ours_do_not_explain_belongs_to_others(self) -> None:
        """It lowers what ours may hold in all, and comes back with the next measurement."""
        book = ledger(budget=90)
        book.seen([pool(70, budget=90)], {})
        assert ({CARD: 30}, {CARD: 70}) == (book.others, book.capacity)
        book.seen([pool(95, budget=90)], {})
        assert ({CARD: 5}, {CARD: 90}) == (book.others, book.room())

    def test_others_may_take_what_was_promised(self) -> None:
        """The room is below nothing then, and nobody else is let in."""
        book = ledger()
        book.reserve("a", takes(60))
        book.warm("a")
        book.seen([pool(0)], {"a": {CARD: 50}})
        assert {CARD: -10} == book.room()

    def test_a_silent_driver_does_not_make_our_engine_a_stranger(self) -> None:
        """What is in use counts as the engine's up to what it was promised, and as others' beyond."""
        book = ledger()
        book.reserve("a", takes(60))
        book.warm("a")
        book.seen([pool(40)], {})
        assert ({CARD: 0}, {CARD: 40}) == (book.others, book.room())
        book.seen([pool(15)], {"a": {}})
        assert ({CARD: 25}, {CARD: 15}) == (book.others, book.room())

    def test_what_others_held_before_a_load_is_not_taken_for_the_load(self) -> None:
        """A load that has taken nothing yet does not hide other programs, so their memory is not promised to a second one."""
        book = ledger()
        book.seen([pool(40)], {})
        book.reserve("a", takes(40))
        book.seen([pool(40)], {})
        assert ({CARD: 60}, {CARD: 0}) == (book.others, book.room())

    def test_nor_for_a_load_that_was_called_off(self) -> None:
        """It has taken nothing, and others hold what they held before."""
        book = ledger()
        book.seen([pool(70)], {})
        book.reserve("a", takes(30))
        book.leaves("a")
        book.seen([pool(70)], {"a": {CARD: 0}})
        assert ({CARD: 30}, {CARD: 40}) == (book.others, book.room())
        book.gone("a")
        book.seen([pool(70)], {})
        assert {CARD: 70} == book.room()

    def test_a_silent_load_in_flight_is_not_a_stranger(self) -> None:
        """What is in use beyond what others held before it began is its own."""
        book = ledger()
        book.seen([pool(70)], {})
        book.reserve("a", takes(40))
        book.seen([pool(35)], {})
        assert ({CARD: 30}, {CARD: 30}) == (book.others, book.room())

    def test_a_model_that_nobody_could_foresee_counts_as_measured(self) -> None:
        """It began without a promise; what it was seen to hold is its own, and grows as it does."""
        book = ledger()
        book.seen([pool(70)], {"a": {CARD: 30}})
        assert ({CARD: 70}, Stage.WARM) == (book.room(), book.stage("a"))
        book.seen([pool(55)], {"a": {CARD: 45}})
        assert {CARD: 55} == book.room()


class TestReturns:
    """Memory that comes back."""

    @pytest.fixture
    def book(self) -> Ledger:
        """A ledger with a warm model of 60."""
        found = ledger()
        found.reserve("a", takes(60))
        found.warm("a")
        return found

    def test_what_leaves_is_on_its_way_but_not_there(self, book: Ledger) -> None:
        """It may be planned with, but not promised."""
        assert {} == book.returning()
        book.leaves("a")
        assert ({CARD: 40}, {CARD: 60}) == (book.room(), book.returning())

    def test_what_has_gone_is_promised_after_the_next_measurement(self, book: Ledger) -> None:
        """Not before it was seen to be back."""
        book.leaves("a")
        book.gone("a")
        assert ({CARD: 40}, {CARD: 60}, Stage.GONE) == (book.room(), book.returning(), book.stage("a"))
        book.seen([pool(100)], {})
        assert ({CARD: 100}, {}, None) == (book.room(), book.returning(), book.stage("a"))

    def test_what_others_took_meanwhile_is_not_promised(self, book: Ledger) -> None:
        """Nor what the driver has not given back."""
        book.leaves("a")
        book.gone("a")
        book.seen([pool(70)], {})
        assert {CARD: 70} == book.room()

    def test_a_measurement_from_before_the_end_does_not_count(self, book: Ledger) -> None:
        """It still shows the engine; its memory is seen to be back only where the engine is not seen any more."""
        book.leaves("a")
        book.gone("a")
        book.seen([pool(45)], {"a": {CARD: 55}})
        assert ({CARD: 40}, Stage.GONE) == (book.room(), book.stage("a"))
        book.seen([pool(100)], {})
        assert {CARD: 100} == book.room()

    def test_a_sleeping_engine_keeps_only_what_it_said(self, book: Ledger) -> None:
        """The rest is on its way, and promised after the next measurement."""
        book.leaves("a")
        book.slept("a", {"ram": 60})
        assert (40, 60, Stage.DOZING) == (book.room()[CARD], book.returning()[CARD], book.stage("a"))
        book.seen([pool(100)], {"a": {"ram": 55}})
        assert ({"ram": 60}, Stage.WARM) == ({p: n for p, n in book.held("a").items() if n}, book.stage("a"))
        assert (100, {}) == (book.room()[CARD], book.returning())

    def test_what_a_sleeper_was_seen_to_keep_is_not_promised(self, book: Ledger) -> None:
        """Where it keeps more than it said, that counts; so does what others took meanwhile."""
        book.leaves("a")
        book.slept("a", {})
        book.seen([pool(70)], {"a": {CARD: 10}})
        assert ({CARD: 10}, {CARD: 70}, {CARD: 20}) == (book.held("a"), book.room(), book.others)

    def test_a_sleeper_that_ends_gives_the_rest_back(self, book: Ledger) -> None:
        """Whether it had been measured in its sleep or not."""
        book.leaves("a")
        book.slept("a", {CARD: 10})
        book.gone("a")
        assert ({CARD: 40}, Stage.GONE) == (book.room(), book.stage("a"))
        book.seen([pool(100)], {})
        assert {CARD: 100} == book.room()


PARTS = st.dictionaries(st.sampled_from([CARD, OTHER]), st.integers(0, 40), max_size=2)


@given(loads=st.lists(st.tuples(PARTS, PARTS), max_size=8), others=PARTS, seen=st.lists(PARTS, max_size=8))
def test_what_is_left_is_what_nobody_was_promised(
    loads: list[tuple[Bytes, Bytes]], others: Bytes, seen: list[Bytes]
) -> None:
    """However loads are promised, end and are measured: what is left, ours and what others hold make up the pool."""
    book = Ledger()
    cards = (CARD, OTHER)
    book.seen([pool(100 - others.get(card, 0), name=card) for card in cards], {})
    admitted: dict[str, Choice] = {}
    for number, (needs, peak) in enumerate(loads):
        choice = Choice(0, "v0", needs=needs, transient=peak)
        if not excess(choice.peak, book.room()):
            book.reserve(f"m{number}", choice)
            admitted[f"m{number}"] = choice
    for card in cards:
        promised = sum(choice.peak.get(card, 0) for choice in admitted.values())
        assert 100 - others.get(card, 0) - promised == book.room()[card] >= 0
    for name in admitted:
        book.warm(name)
    measured = [{card: min(held.get(card, 0), 10) for card in cards} for held in seen]
    held = {name: one for name, one in zip(admitted, measured, strict=False) if any(one.values())}
    used = {card: others.get(card, 0) + sum(one[card] for one in held.values()) for card in cards}
    book.seen([pool(100 - used[card], name=card) for card in cards], held)
    for card in cards:
        ours = sum(book.held(name).get(card, 0) for name in admitted)
        assert book.others[card] <= others.get(card, 0)
        assert 100 - book.others[card] - ours == book.room()[card]
    for name, choice in admitted.items():
        most = max(held.get(name, {}).get(CARD, 0), choice.needs.get(CARD, 0))
        assert most == book.held(name).get(CARD, 0)


class TestExcess:
    """Whether something fits."""

    def test_it_says_what_is_lacking_where(self) -> None:
        """Only pools that lack something are named."""
        assert {OTHER: 3} == excess({CARD: 5, OTHER: 8}, {CARD: 5, OTHER: 5})

    def test_nothing_is_needed_of_a_pool_below_nothing(self) -> None:
        """Who takes none of a pool is not held up by what others have done to it."""
        assert {} == excess({CARD: 0}, {CARD: -5})

    def test_an_unknown_pool_counts_as_having_room(self) -> None:
        """Nothing can be said about it."""
        assert {} == excess({"elsewhere": 5}, {CARD: 0})
