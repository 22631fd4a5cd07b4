"""Who sends a request is established once, and what its headers ask for is read once."""

import pytest

from hostd.domain.errors import RequestError
from hostd.domain.principal import ANONYMOUS, Privacy
from hostd.domain.ticket import Priority
from hostd.gateway.http.auth import RequestOptions, identify, options_of


def test_programs_of_this_machine_need_no_name() -> None:
    """One that gives none shares a principal with all others; one that does is told apart."""
    assert ANONYMOUS is identify({})
    assert "agent" == identify({"X-Hostd-Client": "agent"}).client


def test_most_requests_ask_for_nothing() -> None:
    """They share their options, too."""
    assert RequestOptions() == options_of({}) is options_of({"Accept": "*/*"})


def test_reads_what_is_asked_for() -> None:
    """Times as seconds or durations, words in any case."""
    headers = {
        "X-Hostd-Timeout": "1m30s",
        "X-Hostd-Priority": "Batch",
        "X-Hostd-Privacy": " LOCAL ",
    }
    assert (90.0, Priority.BATCH, Privacy.LOCAL) == options_of(headers)
    assert RequestOptions(2.5) == options_of({"X-Hostd-Timeout": "2.5"})


@pytest.mark.parametrize(
    ("header", "given", "said"),
    [
        ("X-Hostd-Timeout", "soon", "x-hostd-timeout: "),
        ("X-Hostd-Priority", "urgent", "'urgent' is neither 'interactive' nor 'batch'"),
        ("X-Hostd-Privacy", "secret", "'secret' is neither 'any' nor 'local'"),
    ],
)
def test_names_what_makes_no_sense(header: str, given: str, said: str) -> None:
    """The header and the words that are known."""
    with pytest.raises(RequestError) as refused:
        options_of({header: given})
    assert said in refused.value.message
    assert (400, header.lower()) == (refused.value.status, refused.value.param)
