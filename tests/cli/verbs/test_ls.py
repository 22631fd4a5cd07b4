"""``hostd ls``."""

import json
from collections.abc import Callable

import pytest

from tests.cli.recorded import CHATTY, EMBEDDER, Daemon, Ran


@pytest.fixture(autouse=True)
def two_models(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon serves one model that chats and one that embeds."""
    daemon.on("GET /hostd/v1/models", {"models": [CHATTY, EMBEDDER]})
    monkeypatch.setenv("HOSTD_URL", daemon.url)


def test_the_table_names_what_serves_and_what_else_it_is_called(hostd: Callable[..., Ran]) -> None:
    """A model's line holds its first usable variant, its abilities, its roles and aliases, and its fallback."""
    ran = hostd("ls")
    header, chatty, embedder = ran.out.splitlines()
    assert (0, "") == (ran.code, ran.err)
    assert "MODEL STATE CONTEXT CAN SERVED BY ALSO CALLED FALLBACK" == " ".join(header.split())
    expected = (
        "qwen3.5-9b ready 32768 tools, thinking (optional) llamacpp:Qwen3.5-9B-Q4_K_M.gguf "
        "planner, gpt-4o-mini org/tiny:latest"
    )
    assert expected == " ".join(chatty.split())
    assert "org/tiny:latest failed - embeddings nothing here - -" == " ".join(embedder.split())


def test_json_prints_the_models_untouched(hostd: Callable[..., Ran]) -> None:
    """Programs get the daemon's list."""
    assert [CHATTY, EMBEDDER] == json.loads(hostd("ls", "--json").out)
