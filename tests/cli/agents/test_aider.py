"""How aider is told of a model."""

import json

from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.agents.aider import command


def test_one_model_does_all() -> None:
    """Edits and summaries; its name has OpenAI's prefix, by which the dialect is chosen, and its context is metadata."""
    made = command(ModelAddress("http://127.0.0.1:1", "coder", 65_536), "/folder")
    assert "http://127.0.0.1:1/v1" == made.arguments[made.arguments.index("--openai-api-base") + 1]
    assert 2 == made.arguments.count("openai/coder")
    path = made.arguments[made.arguments.index("--model-metadata-file") + 1]
    assert path.startswith("/folder/")
    assert 65_536 == json.loads(made.files[path])["openai/coder"]["max_input_tokens"]


def test_without_a_context_there_is_no_metadata() -> None:
    """Only the file of variables, which comes before those of its user."""
    made = command(ModelAddress("", "coder"), "/folder")
    ((path, text),) = made.files.items()
    assert path == made.arguments[made.arguments.index("--env-file") + 1]
    assert "AIDER_OPENAI_API_KEY='hostd'\n" == text
