"""A client of Ollama has a model unloaded that nobody uses."""

from pathlib import Path

from hostd.domain.lifecycle import State
from hostd.domain.profile import WarmSettings
from tests.conftest import OpenDaemon
from tests.stage import make_profile, make_settings, until


async def test_it_is_answered_at_once(weights: Path, open_daemon: OpenDaemon) -> None:
    """As a line or as an object, whatever becomes of the model, which its owner may have pinned."""
    pinned = make_profile("pinned", weights, warm=WarmSettings(pinned=True))
    async with open_daemon(make_settings(make_profile("a", weights), pinned)) as stage:
        whole = await stage.ask("a", "/api/generate", keep_alive=0, stream=False)
        assert ("", True, "unload", "a") == tuple(
            whole.json[name] for name in ("response", "done", "done_reason", "model")
        )
        assert ("application/json", "a") == (
            whole.headers["Content-Type"].partition(";")[0],
            whole.headers["x-hostd-model"],
        )
        await until(lambda: stage.app.dispatcher.model("a").state is State.COLD)
        line = await stage.ask("pinned", "/api/chat", keep_alive=0)
        assert ("application/x-ndjson", "unload") == (line.headers["Content-Type"], line.json["done_reason"])
        assert State.READY is stage.app.dispatcher.model("pinned").state
        assert 404 == (await stage.ask("absent", "/api/chat", keep_alive=0)).status
