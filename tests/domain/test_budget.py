"""How budgets are written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.budget import Amounts, AtLimit, Budget, Limit, Measure, Period, amount_text, budget_of, parse_amount

LIMITS = st.builds(
    Limit,
    st.sampled_from([Measure.REQUESTS, Measure.TOKENS]),
    st.sampled_from([*Period]),
    st.integers(1, 10**9).map(float),
) | st.builds(
    Limit, st.just(Measure.USD), st.sampled_from([*Period]), st.integers(1, 10**6).map(lambda cents: cents / 100)
)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2 USD", (Measure.USD, 2.0)),
        ("$0.25", (Measure.USD, 0.25)),
        ("500k tokens", (Measure.TOKENS, 500_000.0)),
        ("1.5M tokens", (Measure.TOKENS, 1_500_000.0)),
        ("1 request", (Measure.REQUESTS, 1.0)),
        ("60requests", (Measure.REQUESTS, 60.0)),
    ],
)
def test_amounts_are_read(text: str, means: tuple[Measure, float]) -> None:
    """With their unit, and thousands and millions in short."""
    assert means == parse_amount(text)


@pytest.mark.parametrize("text", ["", "2", "two USD", "-1 USD", "2 EUR", "2 USD a day", "1e3 tokens", "٣ USD"])
def test_other_text_is_no_amount(text: str) -> None:
    """It is refused with what to write."""
    with pytest.raises(ValueError, match="write such as 2 USD"):
        parse_amount(text)


def test_a_number_alone_has_the_unit_that_is_usual_there() -> None:
    """Where a key says what is meant; nothing at all is no budget."""
    assert (Measure.TOKENS, 100_000.0) == parse_amount("100k", Measure.TOKENS)
    with pytest.raises(ValueError, match="lets nothing through"):
        parse_amount("0", Measure.REQUESTS)


@given(st.lists(LIMITS, max_size=6), st.sampled_from([None, *AtLimit]))
def test_what_is_written_is_read(limits: list[Limit], at_limit: AtLimit | None) -> None:
    """Every limit with its amount to the cent, in the order of the periods."""
    budget = Budget(tuple(limits), at_limit)
    again = budget_of(budget.written())
    assert sorted(limits) == sorted(again.limits)
    assert at_limit == again.at_limit


@pytest.mark.parametrize(
    ("written", "said"), [({"week": "2 USD"}, "no 'week'"), ({"day": "2 USD", "at_limit": "wait"}, "at_limit is none")]
)
def test_a_slip_is_an_error(written: dict[str, object], said: str) -> None:
    """A limit that is misspelt must not be passed over."""
    with pytest.raises(ValueError, match=said):
        budget_of(written)


def test_limits_are_read_aloud() -> None:
    """As they are written; the least of several counts."""
    budget = budget_of({"minute": ["60 requests", "40 requests"], "day": "2 USD", "at_limit": "queue"})
    assert "60 requests a minute, 40 requests a minute, 2 USD a day (queue)" == str(budget)
    assert (40.0, None) == (
        budget.limit(Measure.REQUESTS, Period.MINUTE),
        budget.limit(Measure.TOKENS, Period.MINUTE),
    )
    assert ["0.00051 USD", "12.5 USD", "1 token", "0 requests"] == [
        amount_text(Measure.USD, 0.00051),
        amount_text(Measure.USD, 12.5),
        amount_text(Measure.TOKENS, 1),
        amount_text(Measure.REQUESTS, 0),
    ]


def test_sums() -> None:
    """Of each measure by itself."""
    assert Amounts(1, 2, 3) == Amounts(3, 3, 3).plus(Amounts(2, 1, 0), -1)
