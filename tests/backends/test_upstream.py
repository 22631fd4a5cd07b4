"""A lease holds its upstream for exactly as long as the request is answered."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from hostd.backends.contract import Backend, Endpoint, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.upstream import Lease, Upstream
from hostd.dialects.base import Dialect
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.profile import Profile, Variant
from hostd.domain.progress import PromptProgress
from hostd.domain.thinking import ThinkingDefault
from tests.http_client import client


class Noting(Upstream):
    """An upstream that notes what its leases report."""

    def __init__(self) -> None:
        super().__init__(Profile("alpha", (Variant("renaming"),)))
        self.noted: list[str] = []
        self.reported = ServerFacts()

    @property
    def facts(self) -> ServerFacts:
        """What a test says that its server reports."""
        return self.reported

    @property
    def variant(self) -> Variant:
        """The only one."""
        return self.profile.variants[0]

    def lease(self) -> Lease:
        """Refuse: the tests make their own."""
        raise EngineError("it does not run")

    def progress(self) -> None:
        """Note progress."""
        self.noted.append("progress")

    def suspect(self) -> None:
        """Note a suspicion."""
        self.noted.append("suspect")


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """A session without requests."""
    async with client() as session:
        yield session


class Renaming(Backend):
    """A backend whose server wants its own name."""

    name = "renaming"

    def accepts(self, variant: Variant) -> str | None:  # noqa: ARG002 - the contract's signature
        """Accept everything."""
        return None

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the body with that name."""
        return {**body, "model": endpoint.model} if body.get("model") != endpoint.model else None


class Careful(Renaming):
    """One that cannot be trusted with long prompts."""

    async def ensure_fits(self, http: HttpClient, endpoint: Endpoint, body: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Refuse more than three words."""
        if len(str(body["prompt"]).split()) > 3:
            raise RequestError("too long", code="context_length_exceeded")


def lease(upstream: Noting, http: HttpClient, backend: Renaming | None = None) -> Lease:
    """Return a lease on *upstream*, whose engine wants another model's name."""

    async def died_within(seconds: float) -> bool:
        return seconds > 1

    return Lease(upstream, backend or Renaming(), http, Endpoint("http://127.0.0.1:1", "alpha"), died_within)


async def test_counts_while_it_is_held(http: HttpClient) -> None:
    """Also when the request fails."""
    upstream = Noting()
    with lease(upstream, http), lease(upstream, http):
        assert 2 == upstream.in_flight
    with pytest.raises(LookupError), lease(upstream, http):
        raise LookupError
    assert 0 == upstream.in_flight


async def test_translates_only_where_it_must(http: HttpClient) -> None:
    """The client's own document stays as it is where the engine understands it."""
    held, document = lease(Noting(), http), RequestDocument.of({"model": "alpha"})
    assert document is await held.translate(document)
    assert {"model": "alpha", "n": 1} == dict(await held.translate(RequestDocument.of({"model": "fast", "n": 1})))


async def test_refuses_what_the_engine_would_truncate(http: HttpClient) -> None:
    """A backend that guards its engine is asked about what would be sent."""
    held = lease(Noting(), http, Careful())
    short = RequestDocument.of({"model": "fast", "prompt": "two words"})
    assert {"model": "alpha", "prompt": "two words"} == dict(await held.translate(short))
    with pytest.raises(RequestError, match="too long"):
        await held.translate(RequestDocument.of({"model": "alpha", "prompt": "more words than there is room for"}))


class Streaming(Renaming):
    """A backend whose engine notices disconnected clients only while it streams, and streams no pictures."""

    def prefers_stream(self, endpoint: Endpoint, body: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Return whether no picture is wanted."""
        return "picture" not in body


async def test_prefers_a_stream_where_the_backend_says_so(http: HttpClient) -> None:
    """For whole answers only."""
    held = lease(Noting(), http, Streaming())
    assert held.prefers_stream(RequestDocument.of({"model": "alpha"}))
    assert not held.prefers_stream(RequestDocument.of({"model": "alpha", "picture": 1}))
    assert not held.prefers_stream(RequestDocument.of({"model": "alpha", "stream": True}))
    assert not lease(Noting(), http).prefers_stream(RequestDocument.of({"model": "alpha"}))


class Reporting(Renaming):
    """A backend whose engine reports how much of a prompt it has read."""

    def report_request(self, endpoint: Endpoint) -> Mapping[str, Any]:  # noqa: ARG002
        """Return what it is asked by."""
        return {"return_progress": True}


async def test_asks_for_progress_where_the_client_did_not(http: HttpClient) -> None:
    """What it asked for itself stays as it is; an engine that has no such thing is asked for nothing."""
    held = lease(Noting(), http, Reporting())
    plain, asked = RequestDocument.of({"model": "alpha"}), RequestDocument.of({"return_progress": True})
    assert {"model": "alpha", "return_progress": True} == dict(held.with_reports(plain))
    assert {"return_progress": True} == dict(held.with_reports(RequestDocument.of({"return_progress": False})))
    assert asked is held.with_reports(asked)
    assert plain is lease(Noting(), http).with_reports(plain)


async def test_holds_are_known_while_they_last(http: HttpClient) -> None:
    """With how much of each prompt was read."""
    upstream = Noting()
    with lease(upstream, http) as held:
        held.read(PromptProgress(1, 2))
        assert [PromptProgress(1, 2)] == [each.prompt for each in upstream.leases]
    assert not upstream.leases


async def test_reports_reach_the_upstream(http: HttpClient) -> None:
    """Also after the server was restarted: the lease keeps the one that it began with."""
    upstream = Noting()
    held = lease(upstream, http)
    held.progress()
    held.suspect()
    assert ["progress", "suspect"] == upstream.noted
    assert await held.sign(streamed=True) is None
    assert (False, True) == (await held.died_within(0.5), await held.died_within(5))


OFF: Any = {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}
ON: Any = {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}}


@pytest.mark.parametrize(
    ("default", "members", "asked"),
    [
        (ThinkingDefault.AUTO, {"think": False}, OFF),
        (ThinkingDefault.OFF, {}, OFF),
        (ThinkingDefault.ON, {}, ON),
        (ThinkingDefault.OFF, {"think": True}, ON),
        (ThinkingDefault.ON, {"reasoning_effort": "none"}, {"reasoning_effort": "none"} | OFF),
    ],
)
async def test_thinking_is_said_in_the_servers_words(
    http: HttpClient, default: ThinkingDefault, members: dict[str, Any], asked: dict[str, Any]
) -> None:
    """The owner's wish holds where the request has none; what was understood is not told to be left out."""
    held = lease(Noting(), http)
    held.thinking = default
    document = RequestDocument.of({"model": "alpha", **members})
    assert {"model": "alpha", **asked} == dict(await held.translate(document))
    assert () == held.left_out


@pytest.mark.parametrize(("late", "roles"), [(False, ["user"]), (True, ["user", "system"]), (None, ["user", "system"])])
async def test_a_late_system_message(http: HttpClient, late: bool | None, roles: list[str]) -> None:
    """Is text of the user's where the model's template takes none; what is not known is left to the server."""
    upstream = Noting()
    upstream.reported = ServerFacts(late_system=late)
    messages = [{"role": "user", "content": "A"}, {"role": "system", "content": "B"}]
    asked = await lease(upstream, http).translate(RequestDocument.of({"model": "alpha", "messages": messages}))
    assert roles == [message["role"] for message in asked["messages"]]


async def test_only_chats_are_told_to_think(http: HttpClient) -> None:
    """Neither a text to go on with nor vectors have any; and a provider understands its own clients."""
    held = lease(Noting(), http)
    held.thinking = ThinkingDefault.OFF
    document = RequestDocument.of({"model": "alpha"})
    for spoken in (Dialect.OPENAI_COMPLETIONS, Dialect.OPENAI_EMBEDDINGS):
        assert document is await held.translate(document, spoken)
    adaptive = RequestDocument.of({"model": "alpha", "thinking": {"type": "adaptive"}})
    assert adaptive is await held.translate(adaptive, Dialect.ANTHROPIC_MESSAGES)
    assert document is not await held.translate(document, Dialect.ANTHROPIC_MESSAGES)
