"""One concrete way to load a profile."""

from hostd.planning.warm_set.load_option import LoadOption


def test_the_peak_is_what_stays_and_what_only_the_load_takes() -> None:
    """Pool by pool, those included that only the load touches."""
    option = LoadOption(0, "q8", needs={"cuda:0": 10, "cuda:1": 4}, transient={"cuda:0": 2, "ram": 7})
    assert {"cuda:0": 12, "cuda:1": 4, "ram": 7} == option.peak


def test_of_what_nothing_is_known_nothing_is_needed() -> None:
    """A model that an attached server holds takes nothing here."""
    assert {} == LoadOption(0, "there").peak
