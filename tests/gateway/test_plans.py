"""Plans that are made for who asks over HTTP."""

import asyncio

import pytest

from hostd.gateway import plans
from hostd.hardware.simulated import PRESETS
from tests.conftest import OpenDaemon
from tests.journeys.host import MODELS
from tests.stage import Stage, make_profile, make_settings, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
SIZE = "/hostd/v1/plan/size:72B%2Fq4_k_m"


async def test_tells_what_a_model_would_take(stage: Stage) -> None:
    """What `hostd plan --json` prints: bytes by pool and component, what would save some, and why; with its notes."""
    answer = await stage.send("POST", SIZE + "?host=rtx4090&ctx=8192&slots=2&kv_type=q8_0")
    (row,) = answer.json["models"]
    assert (200, "size:72B/q4_k_m", "does_not_fit") == (answer.status, row["model"], row["verdict"]) or row["levers"]
    assert {"cuda:0", "ram"} >= set(row["pool_bytes"])
    assert row["components"]["kv"] > 0
    assert isinstance(answer.json["notes"], list)


async def test_plans_for_declared_models(
    open_daemon: OpenDaemon, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their names, beside what is loaded: the program reads the daemon's own files."""
    source = MODELS.parent / "hostd.yaml"
    monkeypatch.setenv("HOME", str(tmp_path))
    profile = make_profile("tiny-chat", MODELS / "tiny-chat.gguf")
    async with open_daemon(make_settings(profile, source=str(source))) as stage:
        answer = await stage.send("POST", "/hostd/v1/plan/tiny-chat?ctx=4096")
        (row,) = answer.json["models"]
        assert ("tiny-chat", "fits") == (row["model"], row["verdict"])
        assert any("the daemon" in each for each in answer.json["notes"])


async def test_shows_machines(stage: Stage) -> None:
    """Those that the command line knows."""
    shown = (await stage.get("/hostd/v1/presets")).json["presets"]
    assert list(PRESETS) == [each["name"] for each in shown]
    assert all(pool["total_bytes"] > 0 for each in shown for pool in each["pools"])


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("nobody", 404, "hf:"),
        ("%2Fetc%2Fpasswd", 404, "hf:"),
        ("--help", 404, "hf:"),
        ("size:nonsense", 400, "size"),
        ("size:7B%2Fq4_k_m?host=%2Fetc%2Fpasswd", 400, "rtx4090"),
        ("size:7B%2Fq4_k_m?ctx=many", 400, "ctx"),
        ("size:7B%2Fq4_k_m?kv_type=--help", 400, "KV cache"),
    ],
)
async def test_plans_for_nothing_else(stage: Stage, path: str, status: int, said: str) -> None:
    """No file that a request names is opened, no option is passed on as such, and what the program refuses is told in its words."""
    answer = await stage.send("POST", f"/hostd/v1/plan/{path}")
    assert status == answer.status
    assert said in answer.error["message"]


async def test_plans_are_made_in_turn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program at a time; it ends with who asked, and there is a bound on those who wait."""
    started: list[int] = []
    ended: list[int] = []

    async def printed(_argv: list[str], _env: object) -> tuple[int, bytes, bytes]:
        started.append(len(started))
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(len(ended))
        return 0, b"{}", b""

    monkeypatch.setattr(plans, "_printed_by", printed)
    asking = [asyncio.create_task(stage.send("POST", SIZE)) for _ in range(2)]
    await until(lambda: started)
    monkeypatch.setattr(plans, "_WAITING", 1)
    refused = await stage.send("POST", SIZE)
    assert (503, "too_many_plans", 1) == (refused.status, refused.error["code"], len(started))
    asking[0].cancel()
    asking[1].cancel()
    await until(lambda: len(ended) == len(started))


async def test_a_program_ends_with_who_waits_for_it() -> None:
    """It is killed when nobody waits for it any more; one that cannot be started, or takes too long, is an `OSError`."""
    running = asyncio.create_task(plans._printed_by(["/bin/sleep", "60"], {}))
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(OSError, match="nowhere"):
        await plans._printed_by(["/nowhere/at/all"], {})
