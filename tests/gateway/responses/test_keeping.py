"""A request goes on from what is kept, and its answer is kept in turn."""

import json
from pathlib import Path

from hostd.domain.principal import ANONYMOUS, Principal
from hostd.domain.server_settings import StateSettings
from hostd.gateway.responses.keeping import owner_of
from tests.conftest import OpenDaemon
from tests.stage import Stage, make_profile, make_settings

PATH = "/v1/responses"


def test_senders_own_their_responses() -> None:
    """By the name that they give themselves."""
    owners = [owner_of(each) for each in (ANONYMOUS, Principal("a"), Principal("b"))]
    assert 3 == len(set(owners))


async def read(stage: Stage) -> list[dict[str, object]]:
    """Return the messages that the engine was given last."""
    body = json.loads((await stage.seen("a"))["requests"][-1]["body"])
    messages: list[dict[str, object]] = body["messages"]
    return messages


async def test_the_engine_is_told_what_was_said(weights: Path, open_daemon: OpenDaemon) -> None:
    """All of it, in its order, though the client says only what is new; instructions are those of one request alone."""
    settings = make_settings(make_profile("a", weights), state=StateSettings(60.0))
    async with open_daemon(settings) as stage:
        first = (await stage.ask("a", PATH, input="one", instructions="Be brief.")).json
        second = await stage.ask("a", PATH, input="two", previous_response_id=first["id"], store=False)
        roles = [message["role"] for message in await read(stage)]
        assert (["user", "assistant", "user"], False) == (roles, second.json["store"])
        assert first["id"] == second.json["previous_response_id"]
        gone = await stage.ask("a", PATH, input="two", previous_response_id=second.json["id"])
        assert (400, "previous_response_not_found") == (gone.status, gone.error["code"])


async def test_a_stream_is_kept_once_it_is_whole(weights: Path, open_daemon: OpenDaemon) -> None:
    """One that breaks off is none."""
    settings = make_settings(make_profile("a", weights), state=StateSettings(60.0))
    async with open_daemon(settings) as stage:
        events = (await stage.ask("a", PATH, input="one", stream=True)).events
        response = json.loads(events[-1])["response"]
        assert response == (await stage.get(f"{PATH}/{response['id']}")).json
        await stage.script("a", cut_after=2)
        broken = (await stage.ask("a", PATH, input="one", stream=True)).events
        begun = json.loads(broken[0])["response"]["id"]
        assert 404 == (await stage.get(f"{PATH}/{begun}")).status


async def test_a_store_that_fails_is_no_failure_of_the_answer(
    weights: Path, open_daemon: OpenDaemon, tmp_path: Path
) -> None:
    """Only what needs it is refused."""
    settings = make_settings(make_profile("a", weights), state=StateSettings(60.0))
    async with open_daemon(settings) as stage:
        (tmp_path / "state" / "responses.sqlite").mkdir(parents=True)
        assert 200 == (await stage.ask("a", PATH, input="one")).status
        asked = await stage.ask("a", PATH, input="one", previous_response_id="resp_1")
        assert (503, "store_failed") == (asked.status, asked.error["code"])
