"""The list of models says every name that can be asked for, in a shape that satisfies more than one client."""

from pathlib import Path

import pytest

from hostd.domain.server_settings import ServerSettings
from tests.conftest import OpenDaemon
from tests.stage import Stage, make_profile, make_settings

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_lists_every_name(stage: Stage) -> None:
    """Profiles, their aliases and roles are listed; patterns are not names."""
    answer = await stage.get("/v1/models")
    names = [model["id"] for model in answer.json["data"]]
    profiles = ["alpha", "beta", "hasty", "strict", "vectors", "spare", "org/broken:latest", "absent"]
    assert sorted([*profiles, "gpt-4o-mini", "planner"]) == sorted(names)
    assert ("list", False, names[0], names[-1]) == tuple(
        answer.json[key] for key in ("object", "has_more", "first_id", "last_id")
    )


@pytest.mark.parametrize(("asked", "root"), [("alpha", "alpha"), ("gpt-4o-mini", "alpha"), ("planner", "alpha")])
async def test_shows_one(stage: Stage, asked: str, root: str) -> None:
    """The id is the name that was asked for; root says which profile that is."""
    shown = (await stage.get(f"/v1/models/{asked}")).json
    assert (asked, root, "model", "hostd") == (shown["id"], shown["root"], shown["object"], shown["owned_by"])
    assert (4096, "model") == (shown["context_length"], shown["type"])
    assert shown["created_at"].endswith("Z")
    assert shown["created"] > 1_700_000_000


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("alpa", "did you mean 'alpha'?"),
        ("gpt-4o-mni", "did you mean 'gpt-4o-mini'"),
        ("zzzzzzzzzz", "this host serves 'alpha', 'beta'"),
    ],
)
async def test_names_the_nearest_of_an_unknown_model(stage: Stage, asked: str, hint: str) -> None:
    """404 in both places where a name can be wrong."""
    for answer in (await stage.get(f"/v1/models/{asked}"), await stage.ask(asked), await stage.stream(asked)):
        assert (404, "model_not_found", "model") == (answer.status, answer.error["code"], answer.error["param"])
        assert f"unknown model '{asked}'; {hint}" in answer.error["message"]


async def test_a_cold_model_is_loaded_for_a_request(stage: Stage) -> None:
    """Several that ask at once share one load, and all are answered."""
    asked = [stage.begin("spare", max_tokens=1) for _ in range(3)]
    answers = [await task for task in asked]
    assert [200] * 3 == [answer.status for answer in answers]
    assert {("spare", "primary")} == {answer.route for answer in answers}
    assert 4 == (await stage.seen("spare"))["completed"]  # the probe for readiness is one


async def test_a_missing_file_is_told(stage: Stage) -> None:
    """The client of a model whose file is missing is told which, and why nothing will come of it soon."""
    answer = await stage.ask("absent")
    assert (503, "load_failed") == (answer.status, answer.error["code"])
    assert "'absent' could not be loaded: there is no file" in answer.error["message"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_an_engine_fetches_nothing_that_a_request_names(
    stage: Stage, weights: Path, open_daemon: OpenDaemon
) -> None:
    """A picture by URL is refused before an engine has seen it; the owner may allow it."""
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://169.254.169.254/x"}}]}]
    refused = await stage.ask("alpha", messages=picture)
    assert (400, "remote_media") == (refused.status, refused.error["code"])
    assert "'http://169.254.169.254/x'; send it as a data: URL" in refused.error["message"]
    inside = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]
    assert "remote_media" != (await stage.ask("alpha", messages=inside)).json.get("error", {}).get("code")
    settings = make_settings(make_profile("open", weights), server=ServerSettings(remote_media=True))
    async with open_daemon(settings) as allowed:
        answer = await allowed.ask("open", messages=picture)
        assert "remote_media" != answer.json.get("error", {}).get("code")
