"""Budgets as clients and the owner see them."""

from dataclasses import replace
from pathlib import Path

import pytest

from hostd.domain.budget import budget_of
from hostd.domain.client_key import ClientKey
from hostd.domain.principal import KeyScope
from hostd.domain.profile import HostBudgets, Role
from hostd.domain.server_settings import KeySettings
from hostd.key_file import KeyFile, digest_of, new_key
from tests.conftest import OpenDaemon
from tests.gateway.http.test_server_changes import put
from tests.stage import CHAT, make_profile, make_settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
KEY, ADMIN = new_key(), new_key()
BODY = {"model": "planner", "messages": [{"role": "user", "content": "a"}], "max_tokens": 3}


async def test_a_key_is_refused_above_its_limits(open_daemon: OpenDaemon, weights: Path, tmp_path: Path) -> None:
    """With 429 in the dialect's own shape and the seconds to wait; the owner sees every account."""
    KeyFile(tmp_path / "k.yaml").write(
        [
            ClientKey("alice", digest_of(KEY), 0.0, budget=budget_of({"minute": "2 requests"})),
            ClientKey("owner", digest_of(ADMIN), 0.0, scope=KeyScope.ADMIN),
        ]
    )
    settings = make_settings(
        make_profile("alpha", weights),
        keys=KeySettings(str(tmp_path / "k.yaml")),
        roles={"planner": Role("planner", ("alpha",), budget=budget_of({"day": "1M tokens"}))},
        budgets=HostBudgets(session=budget_of({"day": "1k requests"})),
    )
    async with open_daemon(settings) as stage:
        headers = {"X-Api-Key": KEY, "X-Hostd-Session": "talk"}
        for _ in range(2):
            answer = await stage.send("POST", CHAT, json=BODY, headers=headers)
            assert 200 == answer.status, answer.json
        refused = await stage.send("POST", CHAT, json=BODY, headers=headers)
        assert (429, "rate_limit_exceeded") == (refused.status, refused.error["code"])
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert "the key 'alice' may use 2 requests a minute" in refused.error["message"]
        shaped = await stage.send("POST", "/v1/messages", json=BODY, headers=headers)
        assert (429, "rate_limit_error") == (shaped.status, shaped.json["error"]["type"])
        assert 200 == (await stage.send("POST", CHAT, json=BODY, headers={"X-Api-Key": ADMIN})).status
        shown = (await stage.send("GET", "/hostd/v1/budgets", headers={"X-Api-Key": ADMIN})).json["accounts"]
        accounts = {(each["owner"], each["name"]): each for each in shown}
        assert {("key", "alice"), ("role", "planner"), ("session", "talk")} == set(accounts)
        alice, planner = accounts["key", "alice"], accounts["role", "planner"]
        assert ({"minute": "2 requests"}, 2, 2) == (
            alice["budget"],
            alice["minute"]["requests"],
            alice["month"]["requests"],
        )
        assert ({"day": "1000000 tokens"}, 3) == (planner["budget"], planner["day"]["requests"])
        assert {"requests": 0, "tokens": 0, "usd": 0.0} == planner["reserved"]
        assert planner["day"]["tokens"] > 0


async def test_limits_are_those_of_the_keys_in_force(open_daemon: OpenDaemon, weights: Path, tmp_path: Path) -> None:
    """After a reload that names another file, its limits are shown, and no longer those that were read at the start."""
    owner = ClientKey("owner", digest_of(ADMIN), 0.0, scope=KeyScope.ADMIN)
    for name, limit in (("old", "9 requests"), ("new", "5 requests")):
        KeyFile(tmp_path / name).write(
            [ClientKey("alice", digest_of(KEY), 0.0, budget=budget_of({"minute": limit})), owner]
        )
    settings = make_settings(make_profile("alpha", weights), keys=KeySettings(str(tmp_path / "old")))
    async with open_daemon(settings) as stage:

        async def shown() -> object:
            said = {"model": "alpha", "messages": BODY["messages"], "max_tokens": 3}
            answer = await stage.send("POST", CHAT, json=said, headers={"X-Api-Key": KEY})
            assert 200 == answer.status, answer.json
            budgets = await stage.send("GET", "/hostd/v1/budgets", headers={"X-Api-Key": ADMIN})
            (alice,) = [each for each in budgets.json["accounts"] if each["name"] == "alice"]
            return alice["budget"]

        assert {"minute": "9 requests"} == await shown()
        await put(stage, replace(settings, keys=KeySettings(str(tmp_path / "new"))))
        assert {"minute": "5 requests"} == await shown()
