"""What the owner sees is plain data, true at that moment."""

import json
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import pytest

from hostd.backends.contract import Launch, ServerFacts
from hostd.domain.profile import WarmSettings
from hostd.domain.schedule import ActiveWindow
from hostd.domain.thinking import ThinkingControl
from hostd.gateway import views
from tests.stage import Stage, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROW = {
    "breaker",
    *("model", "variant", "backend", "state", "pid", "port", "pool_bytes", "slots", "in_flight", "queued"),
    *("since", "unloads_at", "restarts", "last_error", "progress", "waits_for", "prompts", "speed"),
}


async def row(stage: Stage, model: str) -> dict[str, object]:
    """Return the row of *model*."""
    rows = (await stage.get("/hostd/v1/status")).json["instances"]
    return next(dict(row) for row in rows if row["model"] == model)


async def test_a_row_of_a_model_that_is_ready(stage: Stage) -> None:
    """Process, port, memory, places and times are those of its engine."""
    shown = await row(stage, "alpha")
    instance = stage.instance("alpha")
    assert set(shown) == ROW
    assert ("ready", "llamacpp", "llamacpp:scripted.gguf") == (shown["state"], shown["backend"], shown["variant"])
    assert (instance.pid, 2, 0, 0) == (shown["pid"], shown["slots"], shown["in_flight"], shown["queued"])
    assert [] == shown["prompts"]
    assert instance.launch is not None
    assert instance.launch.endpoint.url.endswith(f":{shown['port']}")
    memory = shown["pool_bytes"]
    assert isinstance(memory, dict)
    assert memory["ram"] > 1_000_000
    since, leaves = (datetime.fromisoformat(str(shown[key])) for key in ("since", "unloads_at"))
    assert 1700 < (leaves - since).total_seconds() < 4000


async def test_a_row_of_a_cold_model(stage: Stage) -> None:
    """Nothing is invented for an engine that does not run."""
    shown = await row(stage, "spare")
    assert ("cold", None, None, {}) == tuple(shown[key] for key in ("state", "pid", "port", "pool_bytes"))
    assert (None, None) == (shown["since"], shown["unloads_at"])


async def test_a_row_of_a_busy_model(stage: Stage) -> None:
    """Requests are counted where they are, and a busy model is not about to be unloaded."""
    await stage.script("strict", stall_after=1)
    for _ in range(2):
        stage.begin("strict", stream=True)
    await until(lambda: stage.model_state("strict").queue)
    shown = await row(stage, "strict")
    assert (1, 1, None) == (shown["in_flight"], shown["queued"], shown["unloads_at"])


async def test_a_row_of_a_model_that_failed(stage: Stage) -> None:
    """It says how often and why."""
    await stage.send("POST", "/hostd/v1/models/absent/load")
    shown = await row(stage, "absent")
    assert ("failed", True) == (shown["state"], bool(shown["restarts"]))
    assert "there is no file" in str(shown["last_error"])


async def test_a_model_as_it_is_declared(stage: Stage) -> None:
    """Limits are written as the owner writes them."""
    models = {model["name"]: model for model in (await stage.get("/hostd/v1/models")).json["models"]}
    hasty = models["hasty"]
    assert ("300ms", "10m", "30m") == (
        hasty["limits"]["stall_timeout"],
        hasty["limits"]["total_timeout"],
        hasty["warm"]["keep_alive"],
    )
    assert (["beta"], ["planner"]) == (hasty["fallback"], models["alpha"]["roles"])
    assert {"label": "llamacpp:scripted.gguf", "backend": "llamacpp", "usable": True, "why": None} == (
        hasty["variants"][0]
    )


async def test_windows_are_days_and_hours(stage: Stage) -> None:
    """In the words of the profile's file, day by day."""
    plain = stage.model_state("alpha").profile
    warm = WarmSettings(windows=(ActiveWindow((0, 1, 4), 510, 1080), ActiveWindow((6,), 1320, 1440)))
    assert [
        {"days": ["mon", "tue", "fri"], "from": "08:30", "to": "18:00"},
        {"days": ["sun"], "from": "22:00", "to": "24:00"},
    ] == views.declared(replace(plain, warm=warm))["warm"]["windows"]
    assert [] == views.declared(plain)["warm"]["windows"]


async def test_everything_of_one_model(stage: Stage) -> None:
    """The details add the row, the command and the log's end; the engine's key is not among them."""
    shown = (await stage.get("/hostd/v1/models/alpha")).json
    launch = stage.instance("alpha").launch
    assert isinstance(launch, Launch)
    assert list(launch.argv) == shown["argv"]
    assert ROW == set(shown["instance"])
    assert shown["log_tail"]
    assert launch.endpoint.headers["Authorization"].split()[1] not in str(shown)


async def test_what_a_server_says_is_plain() -> None:
    """Of the words for thinking only what they make of the model is shown."""
    variables = MappingProxyType({"enable_thinking": True})
    facts = ServerFacts(version="1", thinking=ThinkingControl(on=variables, efforts={"high": variables}))
    told = json.loads(json.dumps(views.server(facts)))
    assert ("1", "optional", None) == (told["version"], told["thinking"], told["context"])
    assert views.server(ServerFacts())["thinking"] is None
