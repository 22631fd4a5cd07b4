"""Nothing of a private request reaches a provider, whatever fails: not by a fallback, a step of a cascade, a judge or a summary."""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hostd.domain.cascade import CascadeSettings
from hostd.domain.context_fit import FitSettings
from hostd.domain.private_data import PrivacySettings, ScanAction
from hostd.domain.profile import Limits, Price, Profile, Role, Settings, Variant
from tests.engines.scripted_cloud import Provider
from tests.stage import CHAT, Answer, Stage, opened
from tests.virtual_time import VirtualTimeLoop

MARK = "project-nightingale"
SORRY = "I'm sorry, but I can't help with that."
LIMITS = Limits(max_concurrent=4, queue_timeout=5.0, first_token_timeout=5.0, stall_timeout=5.0, total_timeout=30.0)
FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"echo": 4000},
    {"tokens": 0},
    {"tool": '{"wrong": 1}'},
    {"tool": "no json"},
    {"status": 500},
    {"status": 429, "headers": {"Retry-After": "1"}},
    {
        "status": 400,
        "body": {
            "error": {"message": "request (9000 tokens) exceeds the available context size (512 tokens)", "code": 400}
        },
    },
    {"reset": True},
    {"first_token_delay": 8},
    {"cut_after": 2},
    {"garbage_after": 2},
    {"error_after": 1},
    {"odd": 3},
)
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "required": ["at"]}}}]


@dataclass
class Machine:
    """A daemon with a server of its own and a provider, both of which keep what they were asked."""

    stage: Stage
    own: Provider
    away: Provider

    async def ask(self, role: str, text: str, *, by_header: bool, **body: Any) -> Answer:
        """Ask *role* for what must not leave: said by a header, or found by the scan."""
        tool = {"role": "tool", "tool_call_id": "c", "content": f"{text} " * 40}
        call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        messages = [
            {"role": "user", "content": text},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            tool,
            {"role": "user", "content": SORRY},
        ]
        headers = {"x-hostd-privacy": "local"} if by_header else {}
        said = {"model": role, "messages": messages, "max_tokens": 20, **body}
        return await self.stage.send("POST", CHAT, json=said, headers=headers)


def _settings(own: int, away: int) -> Settings:
    def here(name: str) -> Profile:
        variant = Variant("openai", url=f"http://127.0.0.1:{own}/v1", model=name)
        return Profile(name, (variant,), context=512, limits=LIMITS)

    def there(name: str, usd: float) -> Profile:
        url = f"http://127.0.0.1:{away}/v1"
        variant = Variant("cloud", provider="p", url=url, model=name, api_key="sk-1")
        return Profile(name, (variant,), context=4096, limits=LIMITS, price=Price(usd, usd))

    roles = {
        "steps": Role("steps", ("big-1", "cheap", "dear"), cascade=CascadeSettings(judge="referee", min_logprob=-0.5)),
        "fits": Role("fits", ("big-1", "cheap"), context=FitSettings(summary="big-1")),
        "both": Role(
            "both", ("dear", "big-1"), cascade=CascadeSettings(max_steps=1), context=FitSettings(summary="big-1")
        ),
    }
    profiles = (here("big-1"), there("cheap", 1.0), there("dear", 9.0), there("referee", 1.0))
    return Settings(
        listen=("127.0.0.1:0",),
        profiles={each.name: each for each in profiles},
        roles=roles,
        privacy=PrivacySettings(scan=ScanAction.STAY_LOCAL, words=(MARK,)),
    )


@pytest.fixture(scope="module")
def machine() -> Iterator[tuple[asyncio.Runner, Machine]]:
    """The daemon, on a loop in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        own, away = Provider(), Provider()
        ports = [runner.run(each.listen()) for each in (own, away)]
        scope = opened(_settings(*ports))
        stage = runner.run(scope.__aenter__())
        yield runner, Machine(stage, own, away)
        runner.run(scope.__aexit__(None, None, None))
        for each in (own, away):
            each.server.close()


@pytest.mark.parametrize("seed", range(60))
def test_nothing_private_leaves(machine: tuple[asyncio.Runner, Machine], seed: int) -> None:
    """By header or by the scan, whole or streamed, with the server and the provider failing as they like; each has an end."""
    runner, host = machine
    rng = random.Random(seed)
    host.own.set_script({"models": {"big-1": [rng.choice(FAULTS) for _ in range(4)]}})
    host.away.set_script({"models": {name: [rng.choice(FAULTS)] for name in ("cheap", "dear", "referee")}})
    body: dict[str, Any] = {"tools": TOOLS} if rng.random() < 0.5 else {}
    role, stream, by_header = rng.choice(("steps", "fits", "both")), rng.random() < 0.5, rng.random() < 0.5
    answer = runner.run(host.ask(role, f"About {MARK}", by_header=by_header, stream=stream, **body))
    assert answer.status < 600
    assert not [each for each in host.away.asked if MARK in json.dumps(each["body"])]


def test_others_do_leave(machine: tuple[asyncio.Runner, Machine]) -> None:
    """Else the test above would show nothing: an open request goes up to the provider, and its judge is asked there."""
    runner, host = machine
    runner.run(asyncio.sleep(120))
    host.own.set_script({"echo": 4000})
    host.away.set_script({"models": {"cheap": [{}], "dear": [{}], "referee": [{}]}})
    before = len(host.away.asked)
    answer = runner.run(host.ask("steps", "About nothing", by_header=False))
    assert (answer.status, answer.route[0]) == (200, "cheap")
    assert {each["body"]["model"] for each in host.away.asked[before:]} == {"cheap", "referee"}
