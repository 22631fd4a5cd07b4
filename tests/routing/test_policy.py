"""What a routing policy is asked and answers."""

from hostd.domain.principal import Principal, Privacy
from hostd.domain.ticket import Target
from hostd.routing.policy import Dropped, Ranked, RouteQuery, split


def test_a_query_is_private_if_the_request_or_its_sender_is() -> None:
    """Either is enough, and a request cannot loosen what holds for its sender."""
    confined = Principal(privacy=Privacy.LOCAL)
    assert not RouteQuery("a").private
    assert RouteQuery("a", privacy=Privacy.LOCAL).private
    assert RouteQuery("a", principal=confined, privacy=Privacy.ANY).private


def test_splits_targets_in_their_order() -> None:
    """Each target is either kept or dropped, with its reason."""
    a, b, c = (Target(name) for name in "abc")
    why = Dropped(b, "it is b")
    assert Ranked((a, c), (why,)) == split((a, b, c), {"b": why, "x": why})
