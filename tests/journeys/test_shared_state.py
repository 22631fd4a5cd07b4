"""Two daemons that share budgets and sessions through a real Redis server."""

from pathlib import Path
from typing import Any

from redis import Redis

from tests.journeys.host import Host, profile, serving, until
from tests.redis_server import needs_redis, redis_server

ROLE: dict[str, Any] = {
    "use": ["quick", "thorough"],
    "route": [{"when": {"words": ["refactor"]}, "to": "thorough"}],
    "budget": {"day": "5 requests", "at_limit": "refuse"},
}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
STEP: list[dict[str, Any]] = [
    {"role": "user", "content": "refactor this"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "1", "content": "done"},
]


def _ask(host: Host, messages: list[dict[str, Any]]) -> Any:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    body = {"model": "auto", "messages": messages, "max_tokens": 2, "tools": [tool], "tool_choice": "none"}
    return host.post("/v1/chat/completions", body, {"x-hostd-session": "talk"})


def _requests_today(host: Host) -> int:
    rows = host.get("/hostd/v1/budgets").json["accounts"]
    return next((row["day"]["requests"] for row in rows if row["name"] == "auto"), 0)


@needs_redis
def test_hosts_that_share_a_budget_and_a_conversation(tmp_path: Path) -> None:
    """A step of an agent that the other host began goes on with the same model, and what one has used up the other counts."""
    profiles = profile("quick"), profile("thorough")
    with redis_server(tmp_path) as url:
        more: dict[str, Any] = {"roles": {"auto": ROLE}, "state": url}
        with (
            serving(tmp_path / "first", *profiles, **more) as first,
            serving(tmp_path / "second", *profiles, **more) as second,
        ):
            refactored = _ask(first, STEP[:1])
            assert "thorough" == refactored.headers["x-hostd-model"]
            # A request counts from its beginning on, and its conversation is told when it is over.
            with Redis.from_url(url) as redis:
                until(lambda: redis.keys("hostd:session:*"))
            until(lambda: _requests_today(second) == 1)
            step = _ask(second, STEP)
            assert ("thorough", "session (a tool's result is pending)") == (
                step.headers["x-hostd-model"],
                step.headers["x-hostd-routed-by"],
            )
            assert [200] * 3 == [_ask(second, STEP).status for _ in range(3)]
            until(lambda: _requests_today(first) == 5)
            refused = _ask(first, STEP)
            assert (429, "budget") == (refused.status, refused.json["error"]["code"])
        # A restart neither forgets what was used up nor counts it twice.
        with serving(tmp_path / "first", *profiles, **more) as again:
            until(lambda: _requests_today(again) == 5)
            assert 429 == _ask(again, STEP).status
