"""Two models that do not fit together, six agents, and one accident after another.

`HOSTD_CHAOS_SECONDS` and `HOSTD_CHAOS_SEED` make it longer and different.
"""

import os
import random
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.conftest import Say
from tests.journeys.chaos import Victim, fill, report, small_disk, stop
from tests.journeys.chaos_agents import COUNTS, Agents, Outcome, Question, ask, calm_answers
from tests.journeys.host import MODELS, all_gone, large, needed_memory, until, write_files, write_machine

SECONDS = float(os.environ.get("HOSTD_CHAOS_SECONDS", "60"))
SEED = int(os.environ.get("HOSTD_CHAOS_SEED", "7"))
FAULTS = {"truncated", "wrong text", "hung", "no Retry-After", "server error"}
GROWTH = 24 << 20
"""Bytes by which the daemon may grow in its last life: caches of the allocator, and tables of bounded length that fill."""
LIMITS = {"queue_timeout": "60s", "max_concurrent": 2}


def accidents(victim: Victim, weights: Path, *, disk: bool) -> list[tuple[float, Callable[[], None]]]:
    """Return what happens when, as shares of the whole time; engines are hurt besides."""
    away = weights.with_suffix(".away")
    state = victim.folder / "state"

    def note(event: str, act: Callable[[], object]) -> Callable[[], None]:
        def happen() -> None:
            act()
            victim.note(event)

        return happen

    full = [
        (0.12, note("state disk full", lambda: fill(state))),
        (0.35, note("state disk has room again", (state / "filler").unlink)),
    ]
    return sorted(
        [
            *(full if disk else []),
            (0.25, lambda: victim.kill_daemon(reaper=True)),
            (0.45, note("model file gone", lambda: weights.rename(away))),
            (0.52, note("model file back", lambda: away.rename(weights))),
            (0.60, lambda: victim.kill_daemon(reaper=False)),
        ],
        key=lambda each: each[0],
    )


def happen(victim: Victim, planned: list[tuple[float, Callable[[], None]]]) -> None:
    """Let the time pass: accidents as *planned*, an engine hurt every six to twelve seconds, calm in the last tenth."""
    rng = random.Random(SEED)
    began = time.monotonic()
    next_hurt = began + 5
    while (passed := time.monotonic() - began) < SECONDS:
        if planned and passed >= planned[0][0] * SECONDS:
            planned.pop(0)[1]()
        elif time.monotonic() >= next_hurt and passed < 0.9 * SECONDS:
            victim.hurt_an_engine(rng)
            next_hurt = time.monotonic() + rng.uniform(6, 12)
        victim.look()
        time.sleep(0.3)


def excused(outcome: Outcome, victim: Victim) -> bool:
    """Return whether a broken connection is no fault: no daemon was there for a part of the request's time."""
    return any(outcome.began <= until_ and outcome.ended >= since for since, until_ in victim.down)


def _answered(url: str, question: Question) -> bool:
    return ask(url, question, None)[0] == "whole"


def test_agents_among_accidents(tmp_path: Path, say: Say) -> None:
    """No success is cut short, nobody waits while memory is free, nothing is left behind, and everything comes back."""
    weights = tmp_path / "a.gguf"
    shutil.copy(MODELS / "tiny-chat.gguf", weights)
    of_a = [{"backend": "llamacpp", "path": str(weights)}]
    models = [large("a", variants=of_a, limits=LIMITS), large("b", limits=LIMITS)]
    (tmp_path / "plan").mkdir()
    machine = write_machine(tmp_path, needed_memory(tmp_path / "plan", large("b"))["high"])
    config = write_files(tmp_path, *models)
    victim = Victim(tmp_path, ("--config", str(config), "--host", str(machine)))
    url = f"http://127.0.0.1:{victim.port}/v1/chat/completions"
    with small_disk(tmp_path / "state") as disk:
        try:
            victim.start()
            expected = calm_answers(url, ("a", "b"))
            agents = Agents(url, expected, SEED)
            agents.start()
            try:
                happen(victim, accidents(victim, weights, disk=disk))
            finally:
                agents.stop()
            for model in ("a", "b"):
                question = Question(model, COUNTS[0], stream=False)
                until(partial(_answered, url, question), 60)
            victim.look()
            engines = list(victim.engines.values())
            status = stop(victim)
            left = [engine.pid for engine in engines if not all_gone([engine])]
        finally:
            say("agents among accidents", report(agents.outcomes, victim))
            if not disk:
                say("agents among accidents", "no state disk was filled: that takes root")
            victim.close()
    bad = [
        each for each in agents.outcomes if each.word in FAULTS or (each.word == "broken" and not excused(each, victim))
    ]
    assert [] == bad
    assert [] == victim.faults
    assert (0, []) == (status, left)
    grown, opened = victim.growth()
    assert (True, True) == (grown < GROWTH, opened < 16), (grown, opened)
    assert any(each.word == "whole" for each in agents.outcomes)
