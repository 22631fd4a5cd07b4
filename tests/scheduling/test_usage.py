"""What one owner has used up, over time."""

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.budget import Amounts, Limit, Measure, Period
from hostd.scheduling.usage import MINUTE, AccountUsage

TPM = Limit(Measure.TOKENS, Period.MINUTE, 100.0)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 100)), max_size=30), st.integers(0, 100))
def test_the_last_minute_slides(steps: list[tuple[float, int]], need: int) -> None:
    """At each moment it holds what was added in the 60 s before; `frees_in` is the first moment at which more is within."""
    usage, now, added = AccountUsage(), 0.0, []
    for pause, tokens in steps:
        now += pause
        usage.add(Amounts(tokens=tokens), now)
        added.append((now, tokens))
        assert usage.used(TPM, now) == sum(count for at, count in added if at > now - MINUTE)
    assert sum(tokens for _, tokens in steps) == usage.day.tokens == usage.month.tokens
    wait = usage.frees_in(TPM, float(need), now)
    assert 0 <= wait <= MINUTE
    assert usage.used(TPM, now + wait + 1e-6) + need <= TPM.most or wait == MINUTE


def test_days_and_months_begin_with_nothing() -> None:
    """A month goes on over its days; of an owner of whom nothing is left, nothing need be kept."""
    usage = AccountUsage()
    assert usage.is_empty
    usage.add(Amounts(1, 10, 0.5), 0.0)
    usage.begin(month=False)
    day, month = Limit(Measure.USD, Period.DAY, 1.0), Limit(Measure.USD, Period.MONTH, 1.0)
    assert (0.0, 0.5) == (usage.used(day, 1.0), usage.used(month, 1.0))
    usage.begin(month=True)
    usage.used(TPM, MINUTE)
    assert usage.is_empty
    assert 0.0 == usage.used(Limit(Measure.USD, Period.REQUEST, 1.0), 1.0)
