"""What becomes of requests that go round in a circle."""

from pathlib import Path

import pytest

from hostd.domain.profile import Role
from hostd.domain.server_settings import GuardrailSettings
from tests.conftest import OpenDaemon
from tests.stage import CHAT, Stage, make_profile, make_settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
BODY = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 3}


async def _routes(stage: Stage, model: str, times: int, **headers: str) -> list[str]:
    """Return who answered so many requests, and by which route; the code of an error."""
    answers = [await stage.send("POST", CHAT, json=BODY | {"model": model}, headers=headers) for _ in range(times)]
    return [
        f"{each.headers['x-hostd-model']} {each.headers['x-hostd-route']}" if each.status == 200 else each.error["code"]
        for each in answers
    ]


async def test_a_safety_model_answers(open_daemon: OpenDaemon, weights: Path) -> None:
    """In the place of the role's own; a profile has none, nor has a role whose safety model cannot answer."""
    roles = {"safe": Role("safe", ("alpha",), safety="beta"), "vain": Role("vain", ("alpha",), safety="vectors")}
    profiles = [make_profile(name, weights) for name in ("alpha", "beta")]
    settings = make_settings(*profiles, roles=roles, guardrails=GuardrailSettings(max_hops=2, max_repeats=2))
    async with open_daemon(settings) as stage:
        session = {"Session-Id": "talk"}
        assert ["alpha primary", "alpha primary", "beta fallback:loop"] == await _routes(stage, "safe", 3, **session)
        assert ["loop_detected"] == await _routes(stage, "alpha", 1, **session)
        assert ["loop_detected"] == await _routes(stage, "vain", 1, **session)
        hops = {"X-Hostd-Hop": "3"}
        assert ["beta fallback:loop"] == await _routes(stage, "safe", 1, **hops)
        assert ["loop_detected"] == await _routes(stage, "alpha", 1, **hops)
        assert ["alpha primary"] == await _routes(stage, "alpha", 1, **{"X-Hostd-Hop": "2"})
        assert ["bad_request"] == await _routes(stage, "alpha", 1, **{"X-Hostd-Hop": "x"})
        refused = await stage.send("POST", CHAT, json=BODY | {"model": "alpha"}, headers=hops)
        assert (400, True) == (refused.status, "guardrails.max_hops allows 2" in refused.error["message"])


async def test_nothing_of_a_trace_is_left(open_daemon: OpenDaemon, weights: Path) -> None:
    """Whether the request was answered, refused, or for a model that nobody knows: it does not count for the next one."""
    trace = {"Traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-00"}
    settings = make_settings(make_profile("alpha", weights), guardrails=GuardrailSettings(max_hops=1))
    async with open_daemon(settings) as stage:
        assert ["alpha primary"] * 3 == await _routes(stage, "alpha", 3, **trace)
        assert ["model_not_found"] * 3 == await _routes(stage, "absent", 3, **trace)
        assert ["loop_detected"] * 3 == await _routes(stage, "alpha", 3, **(trace | {"X-Hostd-Hop": "2"}))
        assert ["alpha primary"] == await _routes(stage, "alpha", 1, **trace)
