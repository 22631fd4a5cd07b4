"""Adding an engine takes one file: it is written into a profile, started, asked, and put away like any other."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hostd.backends import registry
from hostd.config import variants
from hostd.config.load import load
from hostd.domain.lifecycle import State
from tests.conftest import OpenDaemon

PROFILE = """
name: polly
variants: [{backend: tenth, model: Polly}]
limits: {max_concurrent: 3}
"""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that has the tenth engine."""
    points = [EntryPoint("tenth", "tests.backends.tenth_engine:Tenth", "hostd.backends")]
    for module in (registry, variants):
        monkeypatch.setattr(module, "entry_points", lambda **_: points)


async def test_it_serves_in_a_daemon(installed: None, open_daemon: OpenDaemon, tmp_path: Path) -> None:
    """From the owner's file to a chat and a stream, and the unloading."""
    (tmp_path / "hostd.yaml").write_text("server: {listen: '127.0.0.1:0'}\n", encoding="utf-8")
    (tmp_path / "model_profiles").mkdir()
    (tmp_path / "model_profiles" / "polly.yaml").write_text(PROFILE, encoding="utf-8")
    settings = load(tmp_path / "hostd.yaml", {})
    assert () == settings.notes
    async with open_daemon(settings) as stage:
        assert State.READY is stage.model_state("polly").state
        answer = await stage.ask("polly")
        assert (200, "Polly: hello") == (answer.status, answer.json["choices"][0]["message"]["content"])
        assert "tenth" == answer.headers["x-hostd-backend"]
        streamed = await stage.stream("polly")
        assert ("Polly: hello", "[DONE]") == (streamed.text, streamed.events[-1])
        pid = stage.instance("polly").pid
        assert pid is not None
        assert State.COLD is await stage.app.dispatcher.unload("polly")
