"""The best price counts money and time; a switch costs the reading of the conversation, and what is not loaded may be."""

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.offer import Offer
from hostd.domain.profile import Price
from hostd.routing.best_price import SPARES, UNMEASURED_WRITES, Pricing, Sizes, by_price
from hostd.routing.session import ConversationState

_SIZES = Sizes(1000, 300)
_WARM = Offer(reads=1000.0, writes=100.0)  # 4 s for these sizes
_CLOUD = _WARM._replace(price=Price(3.0, 15.0))  # 0.0075 USD
_COLD = _WARM._replace(load=30.0, loadable=True)


def _priced(minute_usd: float = 0.06, state: ConversationState | None = None, **offers: Offer) -> Pricing:
    """Return the pricing of models that are all able to do the same."""
    return by_price(dict.fromkeys(offers, 10), offers, _SIZES, state, minute_usd)


def test_money_and_time_are_added_up() -> None:
    """At 6 cents a minute, 7.5 s outweigh what the cloud costs; the verdict tells both of the first."""
    assert _priced(cloud=_CLOUD, local=_WARM._replace(wait=7.0)).order == ("local", "cloud")
    waits_longer = _priced(cloud=_CLOUD, local=_WARM._replace(wait=8.0))
    assert waits_longer == (("cloud", "local"), "best price of 2: 0.0075 USD, 4.0 s", None)
    assert _priced(0.0, cloud=_CLOUD, local=_WARM._replace(wait=800.0)).order[0] == "local"
    assert _priced(cloud=_CLOUD, local=_WARM._replace(writes=10.0)).order[0] == "cloud"


def test_a_model_that_is_not_loaded_may_be_while_another_answers() -> None:
    """Where it would have the best price then; one that cannot be loaded, or is on its way already, is not asked for."""
    assert _priced(cloud=_CLOUD, local=_COLD) == (
        ("cloud", "local"),
        "best price of 2: 0.0075 USD, 4.0 s; local is loaded meanwhile",
        "local",
    )
    assert _priced(cloud=_CLOUD, local=_COLD._replace(loadable=False)).meanwhile is None
    assert _priced(cloud=_CLOUD, local=_COLD._replace(available=False)).meanwhile is None
    assert _priced(cloud=_CLOUD, local=_COLD._replace(writes=10.0)).meanwhile is None
    assert _priced(a=_COLD, b=_COLD._replace(load=40.0)).meanwhile is None
    cheap = _priced(0.001, cloud=_CLOUD, local=_COLD)
    assert (cheap.order[0], cheap.meanwhile) == ("local", None)


def test_a_switch_costs_the_reading_of_the_conversation() -> None:
    """Unless the engine that has read it is gone; money is paid for all tokens, read before or not."""
    long, offers = Sizes(20_000, 300), {"a": _WARM, "b": _WARM._replace(writes=200.0)}
    same = dict.fromkeys(offers, 10)

    def first(state: ConversationState | None, **changed: Offer) -> str:
        return by_price(same, offers | changed, long, state, 0.06).order[0]

    stays = ConversationState("a", "a", tokens=19_500)
    assert [first(None), first(stays), first(ConversationState("b", "b", tokens=19_500))] == ["b", "a", "b"]
    assert first(stays, a=_WARM._replace(load=1.0)) == "b"
    assert first(stays, a=_WARM._replace(wait=30.0)) == "b"


def test_an_abler_model_is_kept_for_what_needs_it() -> None:
    """It has to spare the request more than a moment; where it costs more, never by mere chance of measurement."""
    able = {"large": 10, "small": 3}

    def first(spared: float) -> str:
        offers = {"small": _WARM._replace(wait=spared), "large": _WARM}
        return by_price(able, offers, _SIZES, None, 0.06).order[0]

    assert (first(SPARES - 0.1), first(SPARES + 0.1)) == ("small", "large")
    assert by_price(able, {}, _SIZES, None, 0.06) == (("small", "large"), "", None)


def test_what_was_not_measured_is_taken_to_be_common() -> None:
    """A speed that is known to be better wins, one that is known to be worse loses; a provider tells the first token alone."""
    unknown = Offer()
    assert _priced(a=unknown, b=unknown._replace(writes=UNMEASURED_WRITES + 1)).order[0] == "b"
    assert _priced(a=unknown, b=unknown._replace(writes=UNMEASURED_WRITES - 1)).order[0] == "a"
    assert _priced(a=unknown, b=unknown._replace(ttft=0.3)).order[0] == "b"


_OFFERS = st.builds(
    Offer,
    st.floats(0, 1e4),
    st.floats(0, 1e4),
    st.none() | st.floats(0.1, 1e5),
    st.none() | st.floats(0.1, 1e5),
    st.none() | st.floats(0, 1e3),
    st.builds(Price, st.floats(0, 100), st.floats(0, 100)),
    st.booleans(),
    st.booleans(),
)


@given(
    st.dictionaries(st.sampled_from("abcd"), _OFFERS), st.sets(st.sampled_from("abcd"), min_size=1), st.floats(0, 100)
)
def test_no_model_is_added_or_lost(offers: dict[str, Offer], models: set[str], minute_usd: float) -> None:
    """Whatever is known of them; one that is available is never behind one that is not."""
    priced = by_price(dict.fromkeys(models, 10), offers, _SIZES, None, minute_usd)
    assert sorted(priced.order) == sorted(models)
    available = [offers.get(name, Offer()).available for name in priced.order]
    assert not offers or len(models) == 1 or available == sorted(available, reverse=True)
    assert priced.meanwhile is None or (offers[priced.meanwhile].loadable and priced.meanwhile != priced.order[0])
