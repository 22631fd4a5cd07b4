"""Whatever a provider does wrong, a client gets a whole answer or an error in time, and never half an answer as a whole one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Say
from tests.faults.catalogue import CATALOGUE, LONGEST, MOST_ATTEMPTS, Scenario
from tests.faults.provoked import OTHER, Observed, Provoked, VirtualStage, pair

MODES = {"streamed": True, "whole": False}


@pytest.fixture(scope="module")
def stage() -> Iterator[VirtualStage]:
    """A gateway with models of their own for each scenario."""
    names = [(f"{each.name}-{mode}", each.alone) for each in CATALOGUE for mode in MODES]
    virtual = VirtualStage(
        lambda port: [
            profile
            for name, alone in [*names, *((f"S15-{mode}", False) for mode in MODES)]
            for profile in pair(name, port, alone=alone)
        ]
    )
    yield virtual
    virtual.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scenario", CATALOGUE, ids=lambda scenario: scenario.name)
def test_one_fault(stage: VirtualStage, scenario: Scenario, mode: str, say: Say) -> None:
    """Each is answered as the catalogue says; no slot and no place is left held, and the next request is answered."""
    model, streamed = f"{scenario.name}-{mode}", MODES[mode]
    more = dict(scenario.body) if streamed else {}
    seen = stage.run(stage.provoked.ask(model, scenario.plans, scenario.other, stream=streamed, **more))
    with row(say, scenario.name, scenario.title, mode, _seen(seen)):
        scenario.judge(seen, model, streamed)
        assert seen.seconds <= LONGEST
        assert len(seen.asked) <= MOST_ATTEMPTS
        assert stage.provoked.at_rest(model)
        assert "whole" == stage.run(_afterwards(stage.provoked, model)).ending


@contextmanager
def row(say: Say, name: str, title: str, mode: str, seen: str) -> Iterator[None]:
    """A row of the table at the end of the run: what was *seen*, and whether the block passed."""
    verdict = "FAILED"
    try:
        yield
        verdict = "ok"
    finally:
        say("fault catalogue", f"{name} {title:<46} {mode:<9} {verdict:<6} {seen}")


def _seen(seen: Observed) -> str:
    route = seen.answer.headers.get("x-hostd-route", "")
    how = seen.ending if seen.answer.status == 200 else f"error {seen.answer.status}"
    return f"{how}, {route}, {len(seen.asked)} tries, {seen.seconds:.1f} s"


async def _afterwards(provoked: Provoked, model: str) -> Observed:
    # A provider that has refused requests is left alone for a moment.
    await asyncio.sleep(61)
    return await provoked.ask(model, [{}])


DOWN = 60.0
EVERY = 1.0
FLAP = "down for a minute, a request each second"


@pytest.mark.parametrize("mode", MODES)
def test_a_provider_that_comes_and_goes(stage: VirtualStage, mode: str, say: Say) -> None:
    """S15: it is soon asked for a probe alone, all answers come from the fallback meanwhile, and it is back within 30 s."""
    model = f"S15-{mode}"
    during, back = stage.run(_flap(stage.provoked, model, streamed=MODES[mode]))
    asked = sum(len(seen.times(model)) for seen in during)
    said = f"{asked} of {len(during)} requests reached it while down, back after {back:.0f} s"
    with row(say, "S15", FLAP, mode, said):
        assert {"whole"} == {seen.ending for seen in during}
        assert {model + OTHER} == {seen.answer.headers["x-hostd-model"] for seen in during}
        assert asked <= 15
        assert back <= 30


async def _flap(provoked: Provoked, model: str, *, streamed: bool) -> tuple[list[Observed], float]:
    """Return what was seen while the provider was down, and after how many seconds it answered again."""
    clock = asyncio.get_running_loop().time
    ends = clock() + DOWN
    during = []
    while clock() < ends:
        during.append(await provoked.ask(model, [{"status": 503}], stream=streamed))
        await asyncio.sleep(EVERY)
    up = clock()
    answered_by = ""
    while answered_by != model:
        await asyncio.sleep(EVERY)
        answered_by = (await provoked.ask(model, [{}], stream=streamed)).answer.headers["x-hostd-model"]
    return during, clock() - up
