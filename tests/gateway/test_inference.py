"""The list of models says every name that can be asked for, in a shape that satisfies more than one client."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

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
    assert (4096, "model", "active") == (shown["context_length"], shown["type"], shown["lifecycle"])
    # An object of Anthropic's own has that name; its strict clients refuse any other.
    assert "capabilities" not in shown
    assert False is shown["hostd_capabilities"]["embeddings"]
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
    """A picture by URL is refused before an engine has seen it; the owner may allow it, and even then hostd fetches nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x.png"
        known = (await stage.seen("alpha"))["begun"]
        refused = await stage.ask("alpha", messages=picture(url))
        assert (400, "remote_media", "messages") == (refused.status, refused.error["code"], refused.error["param"])
        assert f"'{url}'; send it as a data: URL" in refused.error["message"]
        assert known == (await stage.seen("alpha"))["begun"]
        inside = await stage.ask("alpha", messages=picture("data:image/png;base64,AAAA"))
        assert (200, known + 1) == (inside.status, (await stage.seen("alpha"))["begun"])
        settings = make_settings(make_profile("open", weights), server=ServerSettings(remote_media=True))
        async with open_daemon(settings) as allowed:
            answer = await allowed.ask("open", messages=picture(url))
            assert 200 == answer.status
            assert picture(url) == json.loads((await allowed.seen("open"))["requests"][-1]["body"])["messages"]
        with pytest.raises(BlockingIOError):
            listening.accept()


def picture(url: str) -> list[dict[str, object]]:
    """Return the messages of a request that shows the picture at *url*."""
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


async def test_an_engine_is_given_the_fields_that_are_listed(weights: Path, open_daemon: OpenDaemon) -> None:
    """Others are left out, which the answer and one line of the log say; the owner may let some pass."""
    given: dict[str, Any] = {
        "lora": [{"id": 7, "scale": 1}],
        "n_discard": -1,
        "temperature": 0,
        "top_k": 5,
        "response_fields": ["x"],
    }
    settings = make_settings(make_profile("plain", weights), make_profile("open", weights, allow_fields=("lora",)))
    async with open_daemon(settings) as opened:
        with capture_logs() as log:
            answers = [await opened.ask(model, **given) for model in ("plain", "plain", "open")]
        read = [json.loads((await opened.seen(model))["requests"][-1]["body"]) for model in ("plain", "open")]
    assert ["lora, n_discard, response_fields"] * 2 == [answer.headers["x-hostd-left-out"] for answer in answers[:2]]
    assert "n_discard, response_fields" == answers[2].headers["x-hostd-left-out"]
    assert {"model", "messages", "temperature", "top_k"} == read[0].keys() - {
        "return_progress",
        "stream",
        "stream_options",
    }
    assert given["lora"] == read[1]["lora"]
    told = [(line["model"], line["fields"]) for line in log if line["event"] == "fields_left_out"]
    assert [("plain", "lora, n_discard, response_fields"), ("open", "n_discard, response_fields")] == told
