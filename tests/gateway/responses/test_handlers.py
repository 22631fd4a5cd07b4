"""Responses that are kept are shown, listed and deleted."""

from pathlib import Path

import pytest

from hostd.domain.server_settings import StateSettings
from tests.conftest import OpenDaemon
from tests.stage import Stage, make_profile, make_settings

PATH = "/v1/responses"


async def test_a_response_is_shown_until_it_is_deleted(weights: Path, open_daemon: OpenDaemon) -> None:
    """With its input, as JSON or as events; it is there for the client that has made it alone."""
    settings = make_settings(make_profile("a", weights), state=StateSettings(60.0))
    async with open_daemon(settings) as stage:
        made = (await stage.ask("a", PATH, input="one", headers={"x-hostd-client": "me"})).json
        own = f"{PATH}/{made['id']}"
        me = {"x-hostd-client": "me"}
        assert made == (await stage.get(own, **me)).json
        assert (
            "event: response.completed" in (await stage.get(f"{own}?stream=true&starting_after=1", **me)).body.decode()
        )
        items = (await stage.get(f"{own}/input_items?limit=1", **me)).json
        assert ("list", False, "one") == (items["object"], items["has_more"], items["data"][0]["content"][0]["text"])
        assert 404 == (await stage.get(own)).status
        assert 404 == (await stage.send("DELETE", own)).status
        for query in ("stream=true&starting_after=x", "stream=true&starting_after=--1"):
            assert 400 == (await stage.get(f"{own}?{query}", **me)).status
        assert 400 == (await stage.send("POST", f"{own}/cancel", headers=me)).status
        assert {"id": made["id"], "object": "response", "deleted": True} == (
            await stage.send("DELETE", own, headers=me)
        ).json
        assert 404 == (await stage.get(own, **me)).status


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/input_items"), ("DELETE", ""), ("POST", "/cancel")]
)
async def test_a_host_without_a_store_says_so(stage: Stage, method: str, path: str) -> None:
    """And how to have one."""
    answer = await stage.send(method, f"{PATH}/resp_1{path}")
    assert (404, "not_stored") == (answer.status, answer.error["code"])
    assert "state.keep" in answer.error["message"]
