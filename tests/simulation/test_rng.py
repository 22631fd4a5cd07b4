"""``hostd.simulation.rng``."""

from statistics import fmean

from hostd.simulation.rng import SplitMix


def test_the_same_seed_gives_the_same_numbers() -> None:
    """And another seed gives others; so does the same in another order."""
    first, again, other = SplitMix(1, "a"), SplitMix(1, "a"), SplitMix("a", 1)
    numbers = [first.uniform() for _ in range(5)]
    assert numbers == [again.uniform() for _ in range(5)]
    assert numbers != [other.uniform() for _ in range(5)]


def test_the_numbers_are_those_of_any_version() -> None:
    """A trace made years ago can be made again."""
    assert [0.939, 0.422] == [round(SplitMix(seed).uniform(), 3) for seed in (1, 2)]


def test_means_are_what_was_asked_for() -> None:
    """Uniform numbers, waits and sizes; none of them is negative."""
    rng = SplitMix(3)
    for draw, mean in (
        (rng.uniform, 0.5),
        (lambda: rng.wait(8.0), 8.0),
        (lambda: rng.size(8.0), 8.0),
        (lambda: rng.between(2, 4), 3.0),
    ):
        drawn = [draw() for _ in range(20_000)]
        assert abs(fmean(drawn) - mean) < 0.03 * mean
        assert min(drawn) >= 0.0
