"""The model that a client is set up for."""

import pytest

from hostd.cli.agents.model_lookup import find_model
from hostd.cli.exits import Code, VerbError
from tests.cli.recorded import CHATTY, EMBEDDER, SHOWN, Daemon


def test_a_named_model_is_looked_up(daemon: Daemon) -> None:
    """By the name that was given, which may be an alias or a role; the daemon knows its context."""
    daemon.on("GET /hostd/v1/models/planner", SHOWN)
    found = find_model(daemon.url, "planner")
    assert ("planner", 32_768, None) == (found.address.model, found.address.context, found.why)
    assert (daemon.url, "127.0.0.1", True) == (found.address.url, found.host, found.tools)


def test_without_a_name_the_best_is_found(daemon: Daemon) -> None:
    """With a reason."""
    daemon.on("GET /hostd/v1/models", {"models": [EMBEDDER, CHATTY], "roles": []})
    daemon.on("GET /hostd/v1/models/qwen3.5-9b", SHOWN)
    found = find_model(daemon.url, None)
    assert "qwen3.5-9b" == found.address.model
    assert "calls tools" in (found.why or "")


def test_a_key_comes_along(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that the verbs send, too; None where there is none."""
    daemon.on("GET /hostd/v1/models/planner", SHOWN)
    assert find_model(daemon.url, "planner").address.key is None
    monkeypatch.setenv("HOSTD_API_KEY", "secret")
    assert "secret" == find_model(daemon.url, "planner").address.key


def test_nothing_for_tools_is_an_unknown_model(daemon: Daemon) -> None:
    """The message says how to take one all the same."""
    daemon.on("GET /hostd/v1/models", {"models": [EMBEDDER], "roles": []})
    with pytest.raises(VerbError, match="hostd ls") as raised:
        find_model(daemon.url, None)
    assert Code.UNKNOWN_MODEL == raised.value.code
