"""Two closed vocabularies that users see."""

from hostd.domain.reason import ExitClass, FallbackReason


def test_the_reasons_are_the_documented_ones() -> None:
    """Clients match on these words, so a change breaks them."""
    documented = (
        "queue_timeout first_token_timeout stall connect status_5xx status_429 "
        "load_failed out_of_memory crashed context_too_long bad_tool_call breaker_open unfit privacy budget content_policy loop "
        "check_failed"
    )
    assert documented.split() == [str(reason) for reason in FallbackReason]


def test_some_deaths_mend_themselves() -> None:
    """Only what the owner has to change is not tried again."""
    assert {ExitClass.BAD_FLAG, ExitClass.MISSING_FILE} == {death for death in ExitClass if not death.mends_itself}
