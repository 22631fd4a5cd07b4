"""Tokens by bytes."""

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.token_estimate import careful_tokens, estimated_tokens, fewest_tokens, most_tokens


def test_estimates() -> None:
    """No text is no token, and any text is one at least."""
    assert (0, 1, 2) == tuple(map(estimated_tokens, (0, 1, 5)))


@given(st.integers(min_value=0, max_value=2**40))
def test_the_bounds_enclose_the_estimates(size: int) -> None:
    """There are never more tokens than at most, nor fewer than at least; a careful guess is no lower, but for a token begun."""
    assert fewest_tokens(size) <= estimated_tokens(size) <= most_tokens(size) + 1
    assert estimated_tokens(size) - 1 <= careful_tokens(size) <= most_tokens(size)
