"""What the template of a model that MLX serves does, as hostd's launcher renders it."""

import json
from pathlib import Path
from typing import Any

import pytest

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.mlx.engine import Mlx
from hostd.backends.mlx.thinking import template_control
from hostd.domain.profile import Profile, Variant
from hostd.domain.thinking import ThinkingControl, ThinkingWish
from tests.backends.running import asked, free_port, installed, needs, running
from tests.counting_model import write_counting_model

ENDPOINT = Endpoint("http://e", "m")
PYTHON = installed("mlx", "HOSTD_TEST_MLX")
SWITCHED = ThinkingControl({"enable_thinking": True}, {"enable_thinking": False})


class Server(HttpClient):
    """A launcher whose template closes a thought where it is told to."""

    async def document(self, url: str, headers: Any, document: Any = None, *, seconds: float = 1.0) -> Any:
        """Return the prompt."""
        del headers, seconds
        assert "http://e/hostd/template" == url
        return {"prompt": str(document["chat_template_kwargs"].get("enable_thinking", True))}


@pytest.mark.parametrize("template", ["{{ enable_thinking }}", "nothing", {"default": "x"}, None])
async def test_its_template_is_rendered(template: object) -> None:
    """Whether the text is known or not, and names the variable or not: mlx-lm hands it to templates in Python, too."""
    found = await template_control(Server(), ENDPOINT, template)
    assert found is not None
    assert (SWITCHED.on, SWITCHED.off, True) == (found.on, found.off, found.by_default)


def test_words() -> None:
    """Variables are all that the server knows."""
    off = ThinkingWish(think=False)
    said = Mlx().think(ENDPOINT, off, {"reasoning_effort": "none"}, SWITCHED)
    assert {"chat_template_kwargs": {"enable_thinking": False}} == said.members
    assert "reasoning_effort" in said.without
    unknown = Mlx().think(ENDPOINT, off, {}, None)
    assert {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}} == unknown.members


@needs(PYTHON, "mlx-lm")
async def test_a_real_engine(tmp_path: Path) -> None:
    """It describes its template, and reads a prompt that is as long as what it is told makes it."""
    folder = write_counting_model(tmp_path / "counting", 4096)
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text("utf-8"))
    closed = "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
    file.write_text(json.dumps({**settings, "chat_template": settings["chat_template"] + closed}), "utf-8")
    backend = Mlx((PYTHON or "",))
    launch = backend.launch(Profile("m", (), context=64), Variant("mlx", path=str(folder)), None, free_port(), "sekret")
    async with running(launch) as engine:
        control = (await backend.describe(engine.http, launch.endpoint)).thinking
        assert control is not None
        assert ("optional", True) == (control.capability, control.marks)
        read = []
        for think in (True, False):
            words = backend.think(launch.endpoint, ThinkingWish(think=think), {}, control)
            status, said = await engine.ask({**asked(max_tokens=1), **words.members})
            assert 200 == status
            read.append(said["usage"]["prompt_tokens"])
        assert read[0] < read[1]
