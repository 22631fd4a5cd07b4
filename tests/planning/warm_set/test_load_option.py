"""One concrete way to load a profile."""

from hostd.planning.warm_set.load_option import LoadOption, excess, plus


def test_the_peak_is_what_stays_and_what_only_the_load_takes() -> None:
    """Pool by pool, those included that only the load touches."""
    option = LoadOption(0, "q8", needs={"cuda:0": 10, "cuda:1": 4}, transient={"cuda:0": 2, "ram": 7})
    assert {"cuda:0": 12, "cuda:1": 4, "ram": 7} == option.peak


def test_of_what_nothing_is_known_nothing_is_needed() -> None:
    """A model that an attached server holds takes nothing here."""
    assert {} == LoadOption(0, "there").peak


CARD, OTHER = "cuda:0", "cuda:1"


class TestExcess:
    """Whether something fits."""

    def test_it_says_what_is_lacking_where(self) -> None:
        """Only pools that lack something are named."""
        assert {OTHER: 3} == excess({CARD: 5, OTHER: 8}, {CARD: 5, OTHER: 5})

    def test_nothing_is_needed_of_a_pool_below_nothing(self) -> None:
        """A load that takes none of a pool is not held up by what other programs have taken of it."""
        assert {} == excess({CARD: 0}, {CARD: -5})

    def test_a_pool_that_was_not_measured_counts_as_large_enough(self) -> None:
        """Nothing can be said about it."""
        assert {} == excess({"elsewhere": 5}, {CARD: 0})


def test_bytes_add_up_pool_by_pool() -> None:
    """A pool that only one of the two names counts as it is."""
    assert {CARD: 5, OTHER: 1} == plus({CARD: 3}, {CARD: 2, OTHER: 1})
