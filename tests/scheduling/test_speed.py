"""How fast a model is, learnt from its answers."""

from hostd.domain.answer_sums import AnswerSums
from hostd.scheduling.speed import Speed


def test_rates_of_what_was_really_done() -> None:
    """Tokens that were not read anew took no time; too few tell no rate; the newest answers weigh a fifth."""
    speed = Speed()
    assert 0.0 == speed.seconds_to_read(1000)
    speed.learn(AnswerSums(prompt=1000, cached=500, answer=100, reading=5.0, writing=10.0, ttft=6.0))
    assert (100.0, 10.0, 0.5, 6.0) == (speed.reads, speed.writes, speed.cached, speed.ttft)
    speed.learn(AnswerSums(prompt=1000, cached=990, answer=2, reading=1.0, writing=1.0, ttft=1.0))
    assert (100.0, 10.0) == (speed.reads, speed.writes)
    assert round(0.5 + 0.2 * 0.49, 6) == round(speed.cached or 0.0, 6)
    assert 5.0 == speed.ttft
    assert 20.0 == speed.seconds_to_read(2000)


def test_what_was_not_counted_is_not_learnt() -> None:
    """An answer without sums leaves all as it was."""
    speed = Speed()
    speed.learn(AnswerSums())
    assert Speed() == speed


def test_what_the_next_request_is_spared() -> None:
    """The tokens that were there already, as long as they would take to read; saved ones cost nothing."""
    speed = Speed()
    assert 0.0 == speed.saved_seconds
    speed.learn(AnswerSums(prompt=20_000, cached=19_000, answer=8, reading=10.0, writing=1.0))
    assert 190.0 == speed.saved_seconds
