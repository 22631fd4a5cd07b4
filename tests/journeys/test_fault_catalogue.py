"""The fault catalogue once more, over real TLS between processes, and all scenarios at once."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.faults.catalogue import CATALOGUE, LONGEST, MOST_ATTEMPTS, Scenario
from tests.faults.provoked import OTHER, TOKENS, Json, Observed
from tests.journeys.cloud_provider import VARIABLE, provider, serving_cloud
from tests.journeys.host import Host
from tests.stage import CHAT, Answer

MODES = {"streamed": True, "whole": False}
LIMITS = {"first_token_timeout": "10s", "stall_timeout": "10s", "queue_timeout": "20s", "max_concurrent": 4}


def profiles(name: str, url: str, *, alone: bool) -> list[dict[str, Any]]:
    """Return a model of the provider, and unless *alone* another one that answers instead."""
    made = [
        {
            "name": each,
            "variants": [
                {"backend": "cloud", "provider": each, "url": url, "model": each, "api_key": f"${{env:{VARIABLE}}}"}
            ],
            "context": context,
            "limits": LIMITS,
        }
        for each, context in ((name, 4096), (name + OTHER, 8192))
    ]
    return made[:1] if alone else [made[0] | {"fallback": [name + OTHER]}, made[1]]


def ask(host: Host, model: str, body: Mapping[str, Any]) -> tuple[Answer, float, float]:
    """Return an answer, when it was asked for, and the seconds until its end."""
    began = time.monotonic()
    said = {"model": model, "messages": [{"role": "user", "content": "hello"}], **body}
    answer = httpx.post(host.url + CHAT, json=said, timeout=2 * LONGEST)
    return Answer(answer.status_code, answer.headers, answer.content), began, time.monotonic() - began


def test_each_at_the_same_time(tmp_path: Path) -> None:
    """Each is answered as it is alone."""
    runs: list[tuple[str, Scenario, bool]] = [
        (f"{scenario.name.lower()}-{mode}", scenario, streamed)
        for scenario in CATALOGUE
        for mode, streamed in MODES.items()
    ]
    with provider() as vendor:
        made = [each for name, scenario, _ in runs for each in profiles(name, vendor.url, alone=scenario.alone)]
        plans: dict[str, list[Json]] = {}
        for name, scenario, _ in runs:
            plans[name] = [{"tokens": TOKENS} | plan for plan in scenario.plans]
            plans[name + OTHER] = [{"tokens": TOKENS} | plan for plan in scenario.other]
        with serving_cloud(tmp_path, *made) as host, ThreadPoolExecutor(len(runs)) as clients:
            vendor.script(models=plans)
            bodies = [{"stream": streamed, **(scenario.body if streamed else {})} for _, scenario, streamed in runs]
            told = list(clients.map(lambda name, body: ask(host, name, body), [run[0] for run in runs], bodies))
            asked = vendor.asked()
    for (name, scenario, streamed), (answer, began, seconds) in zip(runs, told, strict=True):
        mine = [each for each in asked if each["body"].get("model") in {name, name + OTHER}]
        # How long each may take is judged in virtual time: here thirty share a machine.
        seen = Observed(answer, 0.0, mine, began)
        assert (True, True) == (seconds <= LONGEST, len(mine) <= MOST_ATTEMPTS)
        scenario.judge(seen, name, streamed)
