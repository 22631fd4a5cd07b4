"""The options that say what a key may use up."""

import pytest

from hostd.cli.exits import VerbError
from hostd.cli.key_limits import KeyLimits, budget_from, lines_of_use
from hostd.domain.budget import AtLimit, budget_of


def test_options_are_limits() -> None:
    """Each in its own unit, with thousands and millions in short."""
    given = KeyLimits(60, "100k", "2M", None, "2.50", "$20", AtLimit.QUEUE)
    assert (
        budget_of(
            {
                "minute": ["60 requests", "100k tokens"],
                "day": ["2M tokens", "2.5 USD"],
                "month": "20 USD",
                "at_limit": "queue",
            }
        ).written()
        == (budget_from(given) or budget_of({})).written()
    )
    assert budget_from(KeyLimits()) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (KeyLimits(tpm="many"), "--tpm: 'many' is no amount"),
        (KeyLimits(budget_day="0"), "--budget-day: a budget of 0 lets nothing through"),
        (KeyLimits(tokens_day="2 USD"), "--tokens-day: 2 USD is no amount of tokens"),
        (KeyLimits(at_limit=AtLimit.QUEUE), "--at-limit: there is no limit"),
    ],
)
def test_what_makes_no_sense(given: KeyLimits, said: str) -> None:
    """The option is named."""
    with pytest.raises(VerbError, match=said.replace("$", r"\$")):
        budget_from(given)


def test_limits_are_shown_with_what_is_used() -> None:
    """A line for each; without a daemon that tells it, the limits alone."""
    budget = budget_of({"minute": "60 requests", "day": "2 USD", "at_limit": "refuse"})
    nothing = {"requests": 0, "tokens": 0, "usd": 0.0}
    used = {"minute": nothing | {"requests": 3}, "day": nothing | {"usd": 0.5}, "reserved": nothing | {"usd": 0.25}}
    assert [
        "60 requests a minute: 3 requests used",
        "2 USD a day: 0.5 USD used, 0.25 USD reserved",
        "at a limit: refuse",
    ] == list(lines_of_use(budget, used))
    assert ["60 requests a minute", "2 USD a day", "at a limit: refuse"] == list(lines_of_use(budget, None))
