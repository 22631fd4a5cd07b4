"""A response is checked by its status and headers before its bytes are used."""

import pytest

from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.http.response import check_status, shown_url


@pytest.mark.parametrize("status", [200, 206])
def test_success_passes(status: int) -> None:
    """Whole answers and parts are both fine."""
    check_status(status, {}, "https://hub/x")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, ModelNotFound),
        (429, HubUnreachable),
        (502, HubUnreachable),
        (403, ModelUnreadable),
        (204, ModelUnreadable),
    ],
)
def test_each_refusal_has_its_kind(status: int, kind: type[ModelUnreadable]) -> None:
    """What is missing, what may work later, and what will not work are different."""
    with pytest.raises(ModelUnreadable) as caught:
        check_status(status, {}, "https://hub/x")
    assert kind is type(caught.value)


def test_a_hub_that_names_no_seconds_is_asked_later() -> None:
    """A date or nonsense in retry-after is not repeated."""
    headers: dict[str, str] = {}
    headers["retry-after"] = "Fri, 31 Dec 1999"
    with pytest.raises(HubUnreachable, match="try again later"):
        check_status(503, headers, "https://hub/x")


def test_sentences_carry_no_signature() -> None:
    """Names, passwords and signed queries do not get into messages and logs."""
    assert "https://hub/a/b.gguf" == shown_url("https://me:secret@hub/a/b.gguf?X-Signature=abc")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("RepoNotFound", "the owner and the model"),
        ("RevisionNotFound", "the revision$"),
        ("EntryNotFound", "the file$"),
    ],
)
def test_a_hub_that_hides_what_is_not_there_is_understood(word: str, said: str) -> None:
    """Its own word counts more than the status."""
    headers: dict[str, str] = {}
    headers["x-error-code"] = word
    with pytest.raises(ModelNotFound, match=said):
        check_status(401, headers, "https://hub/x")


def test_a_model_behind_a_gate_says_what_to_do() -> None:
    """Its terms are accepted by a person, on a page."""
    headers: dict[str, str] = {}
    headers["x-error-code"] = "GatedRepo"
    with pytest.raises(ModelUnreadable, match="accept the model's terms on its page and give HF_TOKEN"):
        check_status(403, headers, "https://hub/x")


def test_a_hub_that_names_seconds_is_believed() -> None:
    """They come with the error, for the next attempt."""
    headers: dict[str, str] = {}
    headers["retry-after"] = "17"
    with pytest.raises(HubUnreachable, match="try again in 17 s") as caught:
        check_status(429, headers, "https://hub/x")
    assert 17.0 == caught.value.retry_after
