"""A provider as a backend: what it is sent, and what its refusals mean."""

from dataclasses import replace
from typing import Any

import pytest

from hostd.backends.cloud.provider import Cloud
from hostd.backends.contract import Attachment, Endpoint
from hostd.backends.http.client import HttpClient
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import CapacityError, EngineError, HostdError, RequestError
from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile, Variant

KEY = "sk-0123456789"
VARIANT = Variant("cloud", provider="openai", model="gpt-5", api_key=KEY)
PROFILE = Profile("p", (VARIANT,))


def attached(cloud: Cloud, variant: Variant = VARIANT) -> Attachment:
    """Return how *variant* is used."""
    return cloud.attach(replace(PROFILE, variants=(variant,)), variant)


def adapted(body: dict[str, Any], variant: Variant = VARIANT) -> dict[str, Any]:
    """Return what the provider is sent for *body*, whether that was parsed or not."""
    cloud = Cloud()
    endpoint = attached(cloud, variant).endpoint
    sent = dict(cloud.adapt(endpoint, body) or {})
    assert sent == dict(cloud.adapt(endpoint, RequestDocument.of(body)) or {})
    return sent


def test_is_ready_and_elsewhere() -> None:
    """Nothing is asked beforehand; the key is in the headers alone, and shown nowhere."""
    attachment = attached(Cloud())
    assert attachment.ready
    assert attachment.metered
    assert not attachment.endpoint.local
    assert f"Bearer {KEY}" == attachment.endpoint.headers["Authorization"]
    assert KEY not in repr(attachment)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1/v1", "https://localhost/v1"])
def test_a_private_profile_never_uses_it(url: str | None) -> None:
    """Not even by a proxy of this machine: the provider behind it is elsewhere."""
    variant = replace(VARIANT, url=url)
    private = replace(PROFILE, variants=(variant,), privacy=Privacy.LOCAL)
    for use in (Cloud().attach, lambda profile, variant: Cloud().check(profile, variant, None)):
        with pytest.raises(EngineError, match="private"):
            use(private, variant)


async def test_one_that_had_gone_is_looked_at() -> None:
    """Until it answers again; by then every model of its is ready at once."""
    cloud, http = Cloud(), HttpClient()
    endpoint = attached(cloud).endpoint
    cloud.gone(endpoint)
    assert not attached(cloud).ready
    await cloud.open(http, endpoint)
    assert attached(cloud).ready
    http.close()


@pytest.mark.parametrize(
    ("variant", "why"),
    [
        (Variant("cloud", provider="nobody", model="m", api_key=KEY), "url"),
        (Variant("cloud", provider="openai", model="m"), "no key"),
        (VARIANT, None),
    ],
)
def test_says_what_it_cannot_use(variant: Variant, why: str | None) -> None:
    """As a sentence for the owner."""
    said = Cloud().accepts(variant)
    assert (said is None) if why is None else (said is not None and why in said)


def test_asks_in_the_providers_words() -> None:
    """For its model, with its name for the limit of an answer, which elsewhere is the usual one."""
    chat = {"model": "fast", "messages": [], "max_tokens": 5}
    assert {"model": "gpt-5", "messages": [], "max_completion_tokens": 5} == adapted(chat)
    assert {"model": "gpt-5", "messages": [], "max_completion_tokens": 7} == adapted(
        chat | {"max_completion_tokens": 7}
    )
    assert chat | {"model": "glm"} == adapted(chat, Variant("cloud", provider="zai", model="glm", api_key=KEY))
    assert {"model": "gpt-5", "prompt": "", "max_tokens": 5} == adapted({"model": "f", "prompt": "", "max_tokens": 5})


def test_a_stream_ends_with_its_usage() -> None:
    """Which costs are counted by; the client's own options stay, and whether it asked itself is known."""
    cloud, chat = Cloud(), {"model": "f", "messages": [], "stream": True}
    assert {"include_usage": True} == adapted(chat)["stream_options"]
    own = chat | {"stream_options": {"include_obfuscation": False}}
    assert {"include_obfuscation": False, "include_usage": True} == adapted(own)["stream_options"]
    assert "stream_options" not in adapted({"model": "f", "messages": []})
    assert cloud.adds_usage(chat)
    assert not cloud.adds_usage(chat | {"stream_options": {"include_usage": True}})


@pytest.mark.parametrize(
    ("body", "streamed"), [({"messages": []}, True), ({"logprobs": True}, False), ({"modalities": ["audio"]}, False)]
)
def test_a_whole_answer_comes_as_a_stream(body: dict[str, Any], streamed: bool) -> None:
    """So that silence is seen, unless a stream would carry less."""
    cloud = Cloud()
    assert streamed is cloud.prefers_stream(attached(cloud).endpoint, body)


def judged(error: HostdError) -> HostdError:
    """Return what *error* means."""
    return Cloud().judged(Endpoint("https://x", "gpt-5", {"Authorization": f"Bearer {KEY}"}), error)


@pytest.mark.parametrize(
    ("status", "becomes"), [(401, 502), (402, 429), (403, 502), (404, 502), (408, 502), (409, 502)]
)
def test_what_is_not_the_clients_to_mend(status: int, becomes: int) -> None:
    """Another target may answer: the client has done nothing wrong."""
    found = judged(RequestError(f"Incorrect API key provided: {KEY}", code="invalid_api_key", status=status))
    assert isinstance(found, CapacityError)
    assert becomes == found.status
    assert KEY not in found.message


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "content_filter", "The response was filtered"),
        (400, "content_policy_violation", "no"),
        (403, "engine_refused", "Your input was flagged"),
        (403, "engine_refused", "Content violates usage guidelines."),
    ],
)
def test_a_refusal_by_policy_is_the_answer(status: int, code: str, words: str) -> None:
    """By its code, or by the words of a 403."""
    found = judged(RequestError(words, code=code, status=status))
    assert isinstance(found, RequestError)
    assert ("content_filter", status) == (found.code, found.status)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_clients_mistake_stays_one(status: int) -> None:
    """With the provider's words, the key apart; so does a prompt that is too long."""
    found = judged(RequestError(f"no {KEY}", code="context_length_exceeded", status=status, param="messages"))
    assert isinstance(found, RequestError)
    assert ("context_length_exceeded", status, "no ***", "messages") == (
        found.code,
        found.status,
        found.message,
        found.param,
    )


@pytest.mark.parametrize("status", [429, 500, 529])
def test_trouble_stays_trouble(status: int) -> None:
    """With its own status, and without the key."""
    found = judged(CapacityError(f"no {KEY}", code="engine_failed", retry_after=1.0, status=status))
    assert isinstance(found, CapacityError)
    assert (status, "no ***") == (found.status, found.message)
