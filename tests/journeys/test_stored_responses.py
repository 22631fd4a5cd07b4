"""A host that keeps responses, as its owner has set it to: the official client goes on from one, reads it, and deletes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.journeys.cloud_provider import cloud, provider, serving_cloud
from tests.journeys.host import Host, profile, serving
from tests.journeys.vendor_suites import Suite

ASKED: dict[str, Any] = {"model": "chat", "temperature": 0, "max_output_tokens": 12}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a model that chats, and a store."""
    folder = tmp_path_factory.mktemp("stored")
    with serving(
        folder, profile("chat", aliases=["gpt-*", "default"]), profile("home", privacy="local"), state={"keep": "1h"}
    ) as running:
        yield running


@pytest.fixture
def client(host: Host) -> Iterator[openai.OpenAI]:
    """The official client."""
    with openai.OpenAI(base_url=host.url + "/v1", api_key="unused", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("streamed", [False, True])
def test_a_conversation_goes_on_from_a_response(client: Any, *, streamed: bool) -> None:
    """The engine reads the same as if all of it had been sent: what it has read already is the beginning."""

    def respond(**members: Any) -> Any:
        if not streamed:
            return client.responses.create(**ASKED, **members)
        *_, last = client.responses.create(stream=True, **ASKED, **members)
        return last.response

    first = respond(input="Hello, who are you?", instructions="Be brief.")
    assert (True, None) == (first.store, first.previous_response_id)
    second = respond(input="Count to 5.", instructions="Be brief.", previous_response_id=first.id)
    assert first.id == second.previous_response_id
    whole = client.responses.create(
        **ASKED,
        instructions="Be brief.",
        input=[
            {"role": "user", "content": "Hello, who are you?"},
            *first.output,
            {"role": "user", "content": "Count to 5."},
        ],
        store=False,
    )
    assert (second.output_text, second.usage.input_tokens) == (whole.output_text, whole.usage.input_tokens)
    third = respond(input="And on.", previous_response_id=second.id)
    assert third.usage.input_tokens > second.usage.input_tokens


def test_a_response_can_be_read_again(client: Any) -> None:
    """With its input, until it is deleted."""
    said = client.responses.create(**ASKED, input="Hello")
    again = client.responses.retrieve(said.id)
    assert said.model_dump() == again.model_dump()
    (item,) = client.responses.input_items.list(said.id)
    assert ("message", "Hello") == (item.type, item.content[0].text)
    client.responses.delete(said.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(said.id)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**ASKED, input="Hello", previous_response_id=said.id)
    assert ("previous_response_not_found", "previous_response_id") == (caught.value.code, caught.value.param)


def test_an_item_can_be_referred_to(client: Any) -> None:
    """As some SDKs do for what they know to be stored."""
    said = client.responses.create(**ASKED, input="Hello")
    turn: list[Any] = [{"role": "user", "content": "Hello"}, {"type": "item_reference", "id": said.output[0].id}]
    asked = {"role": "user", "content": "Go on."}
    referred = client.responses.create(**ASKED, input=[*turn, asked])
    sent = client.responses.create(**ASKED, input=[turn[0], said.output[0], asked])
    assert referred.usage.input_tokens == sent.usage.input_tokens


def test_what_is_declined_is_not_kept(client: Any) -> None:
    """``store: false`` is heard, and what another client has kept is not there."""
    declined = client.responses.create(**ASKED, input="Hello", store=False)
    assert declined.store is False
    kept = client.responses.create(**ASKED, input="Hello", extra_headers={"x-hostd-client": "other"})
    for response_id in (declined.id, kept.id):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(response_id)
    mine = client.responses.retrieve(kept.id, extra_headers={"x-hostd-client": "other"})
    assert kept.output_text == mine.output_text


def test_a_response_can_be_told_again(client: Any) -> None:
    """As the events of a stream, or those after one of them; the last has the response itself."""
    said = client.responses.create(**ASKED, input="Hello")
    events = list(client.responses.retrieve(said.id, stream=True))
    assert list(range(len(events))) == [event.sequence_number for event in events]
    assert said.model_dump() == events[-1].response.model_dump()
    assert said.output_text == "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[3:] == list(client.responses.retrieve(said.id, stream=True, starting_after=2))


def test_own_suite(host: Host) -> None:
    """openai-python's own tests pass, but those of what runs in the background, and of what only OpenAI's server can undo."""
    files = ("tests/api_resources/test_responses.py", "tests/api_resources/responses/test_input_items.py")
    suite = Suite("", "openai", (*files, "-k", "not cancel and not compact", "-p", "with_store"), base="/v1")
    if suite.missing is not None:
        pytest.skip(suite.missing)
    ran = suite.run(host.url)
    assert (0, "") == (ran.failed, ran.why)
    assert ran.passed > 100


def test_only_its_user_reads_the_file(host: Host) -> None:
    """It is a file of its own."""
    (file,) = Path(host.environment["XDG_STATE_HOME"]).rglob("responses.sqlite")
    assert 0o600 == file.stat().st_mode & 0o777


def test_what_was_private_stays_on_this_machine(tmp_path: Path) -> None:
    """A conversation that began in private does not go on with a provider, whoever asks."""
    with provider() as vendor:
        away = cloud("away", vendor.url)
        with serving_cloud(tmp_path, profile("home", privacy="local"), away, state={"keep": "1h"}) as host:
            first = host.post("/v1/responses", {"model": "home", "input": "Hello", "max_output_tokens": 4}).json
            onward = host.post("/v1/responses", {"model": "away", "input": "b", "previous_response_id": first["id"]})
            item = {"type": "item_reference", "id": first["output"][0]["id"]}
            referred = host.post("/v1/responses", {"model": "away", "input": [item]})
            assert [(403, "privacy")] * 2 == [(each.status, each.json["error"]["code"]) for each in (onward, referred)]
            assert 200 == host.post("/v1/responses", {"model": "away", "input": "b"}).status


def test_without_a_store_it_is_said_so(tmp_path: Path) -> None:
    """Nothing is kept unless the owner has set it."""
    with serving(tmp_path, profile("chat")) as host:
        said = host.post(
            "/v1/responses", {"model": "chat", "input": "Hello", "store": True, "max_output_tokens": 4}
        ).json
        assert said["store"] is False
        gone = host.get(f"/v1/responses/{said['id']}")
        assert (404, "not_stored") == (gone.status, gone.json["error"]["code"])
        onward = host.post("/v1/responses", {"model": "chat", "input": "b", "previous_response_id": said["id"]})
        assert (400, "not_stored") == (onward.status, onward.json["error"]["code"])
        assert not list(tmp_path.rglob("responses.sqlite*"))
