"""One page over all models, which no engine can break or hold up for long."""

import asyncio
import json
from pathlib import Path
from time import monotonic

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import OpenDaemon
from tests.stage import Stage, make_profile, make_settings, rogue

shared = pytest.mark.asyncio(loop_scope="session")


async def seen(stage: Stage) -> dict[tuple[str, str | None], float]:
    """Return all samples by name and model."""
    page = (await stage.get("/metrics")).body.decode()
    families = list(text_string_to_metric_families(page))
    assert len(families) == len({family.name for family in families})
    return {(sample.name, sample.labels.get("model")): sample.value for each in families for sample in each.samples}


@shared
async def test_joins_the_engines(stage: Stage) -> None:
    """Each engine that runs shows its own metrics under its model's name; a cold one shows none."""
    samples = await seen(stage)
    for model in ("alpha", "beta"):
        assert (0.0, 1.0) == tuple(samples[name, model] for name in ("llamacpp:requests_processing", UP))
    assert (UP, "spare") not in samples


UP = "hostd_engine_metrics_up"


@pytest.mark.slow
async def test_outlives_engines(open_daemon: OpenDaemon, weights: Path) -> None:
    """One that hangs costs two seconds, one that is dead or talks nonsense nothing; the others are shown."""
    settings = make_settings(*(make_profile(name, weights) for name in ("well", "hung", "dead", "odd")))
    async with open_daemon(settings) as stage:
        await stage.script("hung", hang=True)
        instance = stage.instance("dead")
        assert instance.server is not None
        instance.server.http.close()
        async with rogue(stage, "odd", b"\xff\xfe{{{\n" * 1000, kind="text/plain"):
            began = monotonic()
            first, second = await asyncio.gather(seen(stage), seen(stage))
        assert 3.0 > monotonic() - began
        assert first.keys() == second.keys()
        assert {"well": 1.0, "hung": 0.0, "dead": 0.0, "odd": 1.0} == {
            model: value for (name, model), value in first.items() if name == UP
        }
        assert 0.0 == first["llamacpp:requests_processing", "well"]
        assert 1.0 == first["hostd_build_info", None]


@shared
async def test_the_dashboard_shows_what_is_counted(stage: Stage) -> None:
    """It can be fetched; every metric in it is on the page, or one that a llama-server or vLLM has by its documentation."""
    answer = await stage.get("/hostd/v1/grafana")
    assert "application/json" == answer.headers["Content-Type"]
    assert "hostd" == json.loads(answer.body)["title"]
