"""Which checks are made, and in which order."""

from hostd.domain.cascade import CascadeCheck, CascadeSettings
from hostd.routing.cascade.checks import failed
from tests.routing.cascade.answers import PROSE, said, unsure

JSON = {"response_format": {"type": "json_object"}}


def test_the_first_that_fails_is_named() -> None:
    """An empty answer is no JSON either."""
    found = failed(CascadeSettings(), JSON, said(""))
    assert found is not None
    assert found.check is CascadeCheck.REFUSAL
    assert failed(CascadeSettings(), {}, said(PROSE)) is None


def test_only_what_is_asked_for_is_checked() -> None:
    """The owner chooses."""
    assert failed(CascadeSettings(checks=(CascadeCheck.REPETITION,)), JSON, said("")) is None


def test_a_threshold_is_a_check_of_its_own() -> None:
    """It needs no entry in the list."""
    found = failed(CascadeSettings(min_logprob=-1.0), {}, unsure(-3.0))
    assert found is not None
    assert found.check is CascadeCheck.LOGPROB
