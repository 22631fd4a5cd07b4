"""How Qwen Code is told of a model."""

import json

from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.agents.qwen import command


def test_arguments_beat_the_users_settings() -> None:
    """Provider, address and model are arguments; the context is a default in a file of its own."""
    made = command(ModelAddress("http://127.0.0.1:1", "coder", 65_536), "/folder")
    assert "http://127.0.0.1:1/v1" == made.arguments[made.arguments.index("--openai-base-url") + 1]
    assert "coder" == made.arguments[made.arguments.index("--model") + 1]
    path = made.environment["QWEN_CODE_SYSTEM_DEFAULTS_PATH"]
    assert path.startswith("/folder/")
    assert {"contextWindowSize": 65_536} == json.loads(made.files[path])["model"]["generationConfig"]


def test_without_a_context_there_is_no_file() -> None:
    """Nothing has to be cleared away then."""
    assert not command(ModelAddress("", "coder"), "/folder").files
