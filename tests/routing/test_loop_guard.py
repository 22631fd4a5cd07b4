"""Requests that go round in a circle."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.server_settings import GuardrailSettings
from hostd.routing.loop_guard import LoopGuard, LoopSigns

SETTINGS = GuardrailSettings(max_hops=2, max_repeats=3, repeats_within=60.0)
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-00"


def ask(guard: LoopGuard, signs: LoopSigns, now: float = 0.0, *, answered: bool = True) -> bool:
    """Let one request come and go; return whether it was let through."""
    passes = guard.began(signs, SETTINGS, now) is None
    guard.ended(signs, now, answered=passes and answered)
    return passes


def test_hops_are_counted() -> None:
    """As many as the owner allows; such a request must not be sent to another gateway."""
    guard = LoopGuard()
    assert [True, True, True, False] == [ask(guard, LoopSigns("m", 9, hops)) for hops in range(4)]
    circle = guard.began(LoopSigns("m", 9, 3), SETTINGS, 0.0)
    assert circle is not None
    assert (True, "come through 3 gateways" in circle.why) == (circle.through_gateways, True)


def test_a_trace_that_was_passed_on_is_still_the_same() -> None:
    """A request that is sent on as a span of its own comes back inside itself all the same."""
    guard, traces = LoopGuard(), [f"00-{'a' * 32}-{number:016x}-01" for number in range(1, 6)]
    passed = []
    for trace, following in pairwise(traces):
        signs = LoopSigns("m", 9, trace=trace)
        passed.append(guard.began(signs, SETTINGS, 0.0) is None)
        guard.leads_on(signs, following)
    assert [True, True, True, False] == passed
    for trace in traces[:4]:
        guard.ended(LoopSigns("m", 9, trace=trace), 0.0, answered=False)
    assert not guard._under_way


def test_a_trace_that_comes_by_again_is_a_hop() -> None:
    """While the request that had it is under way, and with the same last message: calls beside each other are no circle."""
    guard, signs = LoopGuard(), LoopSigns("m", 9, trace=TRACE)
    assert [True, True, True, False] == [guard.began(signs, SETTINGS, 0.0) is None for _ in range(4)]
    assert ask(guard, LoopSigns("other", 9, trace=TRACE))
    for _ in range(4):
        guard.ended(signs, 1.0, answered=True)
    assert ask(guard, signs)
    assert not guard._under_way


def test_a_session_that_repeats_itself() -> None:
    """What was answered counts, within the time; another session, another message and a conversation that begins anew do not."""
    guard, signs = LoopGuard(), LoopSigns("m", 100, session="s")
    assert ask(guard, signs, answered=False)
    assert [True, True, True, False] == [ask(guard, signs._replace(size=100 + at), float(at)) for at in range(4)]
    assert ask(guard, signs._replace(session="t"), 4.0)
    assert not ask(guard, signs._replace(size=900), 59.0)
    assert ask(guard, signs._replace(size=900), 60.5)
    assert ask(guard, signs._replace(message="n", size=950), 61.0)
    assert [True] * 5 == [ask(guard, signs._replace(size=900 - at), 61.0) for at in range(5)]


def test_an_owner_may_allow_any_number_of_repeats() -> None:
    """With 0; and sessions do not fill the memory, however many clients name."""
    guard, free = LoopGuard(), GuardrailSettings(max_repeats=0)
    for number in range(10_100):
        signs = LoopSigns("m", 9, session=f"s{number % 10_050}")
        assert guard.began(signs, free, 0.0) is None
        guard.ended(signs, 0.0, answered=True)
    assert 10_000 == len(guard._sessions)


@given(st.lists(st.tuples(st.sampled_from("mn"), st.sampled_from("st"), st.integers(0, 3)), max_size=40))
def test_nothing_of_traces_is_left(requests: list[tuple[str, str, int]]) -> None:
    """Whatever comes and goes, and in whichever order, once all are over."""
    guard = LoopGuard()
    all_signs = [LoopSigns(message, 9, hops, TRACE, session) for message, session, hops in requests]
    for signs in all_signs:
        guard.began(signs, SETTINGS, 0.0)
    for signs in reversed(all_signs):
        guard.ended(signs, 1.0, answered=False)
    assert not guard._under_way
