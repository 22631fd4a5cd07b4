"""The owner can ask why."""

import time

import pytest

from hostd.scheduling.decisions import Routed
from hostd.scheduling.model_decisions import StopCompleted
from tests.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATH = "/hostd/v1/why"


async def test_tells_about_a_model(stage: Stage) -> None:
    """By any of its names, newest last, as many as are asked for."""
    for number in range(3):
        stage.app.history.decided(StopCompleted("alpha", queued=number), time.time())
    decisions = (await stage.get(f"{PATH}?model=GPT-4o-mini&last=2")).json["decisions"]
    assert [("engine_stopped", "alpha", 1), ("engine_stopped", "alpha", 2)] == [
        (told["decision"], told["model"], told["queued"]) for told in decisions
    ]
    assert "the engine of 'alpha' has stopped [2 queued]" == decisions[-1]["why"]
    assert decisions == (await stage.get(f"{PATH}?last=2")).json["decisions"]


async def test_tells_about_a_request(stage: Stage) -> None:
    """By the id that its answer carries; of one that is not known there is nothing to tell."""
    stage.app.history.decided(Routed("alpha", "my-own/7f", "alpha", None, 1, 0.0, 2, 1, 0), time.time())
    (decision,) = (await stage.get(f"{PATH}?request=my-own")).json["decisions"]
    assert ("routed", "my-own/7f") == (decision["decision"], decision["request"])
    assert {"decisions": []} == (await stage.get(f"{PATH}?request=none")).json


@pytest.mark.parametrize("last", ["-1", "x", "", "1e3", "9999999999", "²"])
async def test_refuses_what_is_no_number(stage: Stage, last: str) -> None:
    """How many is a whole number."""
    answer = await stage.get(f"{PATH}?last={last}")
    assert (400, "bad_request") == (answer.status, answer.error["code"])


async def test_names_the_nearest_model(stage: Stage) -> None:
    """A name that is slightly wrong is a 404 that tells the right one."""
    answer = await stage.get(f"{PATH}?model=alpa")
    assert (404, "model_not_found") == (answer.status, answer.error["code"])
    assert "did you mean 'alpha'" in answer.error["message"]
