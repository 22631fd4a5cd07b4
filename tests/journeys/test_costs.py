"""What requests came to, as the owner is told by a real daemon with local and cloud models."""

import json
from pathlib import Path

import pytest

from tests.journeys.cloud_provider import cloud, provider, serving_cloud
from tests.journeys.host import profile, until

PAID = 0.002032
"""USD for a thousand tokens of prompt at 2 USD, and four of answer at 8 USD, per million."""
HEADERS = {"x-hostd-client": "bot"}


def test_the_owner_sees_what_stayed_local(tmp_path: Path) -> None:
    """At once, by model, role, client and day; with what the same tokens would cost at another model."""
    with (
        provider() as vendor,
        serving_cloud(
            tmp_path, profile("local"), cloud("cloud", vendor.url), roles={"planner": ["cloud", "local"]}
        ) as host,
    ):
        for model, headers in (("local", {}), ("local", HEADERS), ("local", {}), ("planner", HEADERS)):
            body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
            assert 200 == host.post("/v1/chat/completions", body, headers).status
        ran = host.cli("cost", "--json", "--compare", "cloud", "--url", host.url)
        assert 0 == ran.returncode, ran.stderr
        found = json.loads(ran.stdout)
        models = {each["name"]: each for each in found["groups"]}
        assert [(1, 0.0, 1000, 4), (3, 1.0)] == [
            tuple(models["cloud"][key] for key in ("requests", "local_share", "prompt_tokens", "output_tokens")),
            tuple(models["local"][key] for key in ("requests", "local_share")),
        ]
        assert (4, 3, 0.75) == tuple(found["total"][key] for key in ("requests", "answered_locally", "local_share"))
        assert [PAID, PAID, 0.0] == [
            models["cloud"]["usd"],
            models["cloud"]["compare_usd"],
            models["local"]["usd"],
        ]
        local = models["local"]
        expected = (2.0 * local["prompt_tokens"] + 8.0 * local["output_tokens"]) / 1_000_000
        assert 0 < local["compare_usd"] == pytest.approx(expected)
        assert None is found["compare"]["as_of"]
        by_role, by_client, by_day = (
            host.get(f"/hostd/v1/cost?by={group}").json["groups"] for group in ("role", "client", "day")
        )
        assert [("planner", 0.0), (None, 1.0)] == [(each["name"], each["local_share"]) for each in by_role]
        assert [("bot", 0.5), (None, 1.0)] == [(each["name"], each["local_share"]) for each in by_client]
        assert 4 == sum(each["requests"] for each in by_day)
        table = host.cli("cost", "--by", "role", "--url", host.url)
        assert "total" in table.stdout.splitlines()[-1]
        assert "75%" in table.stdout.splitlines()[-1]
        assert [2, 5] == [
            host.cli("cost", *wrong, "--url", host.url).returncode
            for wrong in (("--by", "x"), ("--compare", "no-such"))
        ]


def test_a_week_is_reported(tmp_path: Path) -> None:
    """Which role falls back and why, and which model was loaded although nothing was asked of it."""
    gone = {"variants": [{"backend": "llamacpp", "path": "/gone/model.gguf"}]}
    roles = {"frail": ["broken", "local"], "sound": ["local"]}
    profiles = profile("local"), profile("idle"), profile("broken") | gone
    with serving_cloud(tmp_path, *profiles, roles=roles) as host:
        assert [200] * 3 == [host.chat(role, max_tokens=4).status for role in ("frail", "sound", "sound")]
        until(lambda: host.get("/hostd/v1/report").json["unused_models"])
        ran = host.cli("report", "week", "--json", "--url", host.url)
        assert 0 == ran.returncode, ran.stderr
        found = json.loads(ran.stdout)
        assert [("frail", 1, 1), ("sound", 2, 0)] == [
            (each["role"], each["requests"], each["fallbacks"]) for each in found["fallbacks"]
        ]
        assert ["idle"] == [each["model"] for each in found["unused_models"]]
        assert {"frail": 1, "sound": 2} == {each["name"]: each["requests"] for each in found["roles"]}
        told = host.cli("report", "week", "--url", host.url).stdout
        assert "| frail | 1 | 1 | 100% |" in told
        assert "| idle | 1 |" in told
