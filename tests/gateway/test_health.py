"""Probes are told whether the daemon is alive and ready, and Prometheus what it has done."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import OpenDaemon
from tests.stage import Stage, make_profile, make_settings

shared = pytest.mark.asyncio(loop_scope="session")


@shared
async def test_is_alive(stage: Stage) -> None:
    """The daemon answers, whatever its engines do."""
    assert "ok" == (await stage.get("/healthz")).json["status"]


@pytest.mark.slow
async def test_is_ready_when_the_preload_is_done(open_daemon: OpenDaemon, weights: Path) -> None:
    """503 and when to ask again before, 200 after; alive all the time, and degraded when a model could not be loaded."""
    settings = make_settings(
        make_profile("good", weights, {"load_seconds": 0.2}),
        make_profile("bad", weights, {"load_fails": "out_of_memory"}),
    )
    async with open_daemon(settings, wait=False) as stage:
        answer = await stage.get("/readyz")
        assert (503, "loading", "1") == (answer.status, answer.json["status"], answer.headers["Retry-After"])
        assert 200 == (await stage.get("/healthz")).status
        async with asyncio.timeout(10):
            while answer.status == 503:
                answer = await stage.get("/readyz")
        assert ("degraded", ["bad"], {}) == tuple(answer.json[key] for key in ("status", "failed", "left_out"))
        assert "ready" == answer.json["preload"]["good"] != answer.json["preload"]["bad"]


@shared
async def test_says_ready(stage: Stage) -> None:
    """With every model loaded that should be, it is ready; cold ones that need not be do not matter."""
    answer = await stage.get("/readyz")
    assert (200, "ready", []) == (answer.status, answer.json["status"], answer.json["failed"])
    assert [] == answer.json["troubles"]
    assert {"alpha", "beta", "hasty", "strict", "vectors"} == set(answer.json["preload"])


async def numbers(stage: Stage) -> dict[frozenset[str], float]:
    """Return every sample by its name and its labels' values, in no order."""
    answer = await stage.get("/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["Content-Type"]
    families = text_string_to_metric_families(answer.body.decode())
    samples = (sample for family in families for sample in family.samples)
    return {frozenset((sample.name, *sample.labels.values())): sample.value for sample in samples}


@shared
async def test_counts(stage: Stage) -> None:
    """The counters parse, and move with what happens."""
    before = await numbers(stage)
    await stage.ask("alpha", max_tokens=3)
    await stage.script("alpha", status=500)
    await stage.stream("alpha", max_tokens=3)
    after = await numbers(stage)

    def more(*key: str) -> float:
        return after[frozenset(key)] - before.get(frozenset(key), 0.0)

    assert 1 == more("hostd_requests_total", "alpha", "llamacpp", "primary", "200")
    assert 1 == more("hostd_requests_total", "beta", "llamacpp", "fallback:status_5xx", "200")
    assert 1 == more("hostd_fallbacks_total", "alpha", "beta", "status_5xx")
    assert 3 == more("hostd_output_tokens_total", "alpha")
    assert (1, 1) == (more("hostd_ttft_seconds_count", "beta"), more("hostd_queue_wait_seconds_count", "beta"))
    assert 1.0 == after[frozenset(("hostd_model_state", "spare", "cold"))]
    assert 0.0 == after[frozenset(("hostd_inflight", "alpha"))] == after[frozenset(("hostd_queue_depth", "alpha"))]
