"""Requests that go round in a circle, through real daemons and engines."""

from pathlib import Path
from typing import Any

from hostd.supervisor.launch import free_port
from tests.journeys.host import Host, profile, started, until, write_files

TALK = {"x-hostd-session": "talk"}


def _ask(host: Host, model: str, text: str = "Hello", **headers: str) -> Any:
    said = [{"role": "user", "content": text}]
    return host.post("/v1/chat/completions", {"model": model, "messages": said, "max_tokens": 4}, TALK | headers)


def test_gateways_that_lead_back_to_one_another(tmp_path: Path) -> None:
    """A role whose model is, over a detour, the role itself: refused after some hops, or answered by its safety model."""
    first, second = tmp_path / "first", tmp_path / "second"
    ports = free_port(), free_port()
    far, back = _attached("far", ports[1], "back"), _attached("back", ports[0], "front")
    profiles = profile("chat", slots=4, limits={"max_concurrent": 4}), far
    rails: dict[str, Any] = {"guardrails": {"max_hops": 3}}
    write_files(first, *profiles, roles={"front": ["chat"]}, **rails)
    write_files(second, back, **rails)
    with started(first, port=ports[0]) as host, started(second, port=ports[1]) as other:
        until(lambda: host.get("/readyz").status == 200)
        assert [200, 200] == [_ask(other, "back").status, _ask(host, "far").status]
        write_files(first, *profiles, roles={"front": ["far"]}, **rails)
        assert host.post("/hostd/v1/reload").json["applied"]
        refused = _ask(host, "front")
        assert (400, "loop_detected") == (refused.status, refused.json["error"]["code"])
        assert "come through 4 gateways" in refused.json["error"]["message"]
        detected = [*host.decisions("loop_detected"), *other.decisions("loop_detected")]
        assert [None] == [each["to"] for each in detected]
        assert 200 == _ask(host, "chat", **{"x-hostd-hop": "3"}).status
        write_files(first, *profiles, roles={"front": {"use": ["far"], "safety": "chat"}}, **rails)
        assert host.post("/hostd/v1/reload").json["applied"]
        assert 200 == _ask(host, "front").status
        assert [None, "chat"] == [each["to"] for each in host.decisions("loop_detected")]


def _attached(name: str, port: int, model: str) -> dict[str, Any]:
    """Return a profile that is *model* of the daemon at *port*."""
    variant = {"backend": "openai", "url": f"http://127.0.0.1:{port}/v1", "model": model}
    return {"name": name, "variants": [variant], "warm": {"preload": False}, "context": 2048, "slots": 16}


def test_a_session_that_says_the_same_over_and_over(tmp_path: Path) -> None:
    """It is refused, or answered by the role's safety model, and the answer says so; another session is none of it."""
    profiles = (profile("chat"), profile("small"))
    roles = {"safe": {"use": ["chat"], "safety": "small"}}
    write_files(tmp_path, *profiles, roles=roles, guardrails={"max_repeats": 3, "repeats_within": "5m"})
    with started(tmp_path) as host:
        until(lambda: host.get("/readyz").status == 200)
        assert [200, 200, 200, 400, 400] == [_ask(host, "chat").status for _ in range(5)]
        assert 200 == _ask(host, "chat", "Something else").status
        assert 200 == _ask(host, "chat", **{"x-hostd-session": "other"}).status
        answers = [_ask(host, "safe", "Go on") for _ in range(4)]
        routes = [{name.lower(): text for name, text in each.headers.items()} for each in answers]
        assert ["primary"] * 3 + ["fallback:loop"] == [each["x-hostd-route"] for each in routes]
        assert ("small", True) == (
            routes[3]["x-hostd-model"],
            "the same message 3 times" in routes[3]["x-hostd-guardrail"],
        )
        told = host.get(f"/hostd/v1/why?request={routes[3]['x-request-id']}").json["decisions"]
        assert ["loop_detected", "routed"] == [each["decision"] for each in told]
