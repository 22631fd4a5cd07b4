"""Snippets are filled in, and are what they are said to be."""

import json
import re

import pytest
import yaml

from hostd.cli.agents.agent_program import ModelAddress
from hostd.cli.snippets.registry import SNIPPETS
from hostd.cli.snippets.snippet import Language, Snippet

URL = "http://127.0.0.1:11435"
MODELS = {
    "plain": ModelAddress(URL, "coder", 65_536),
    "org": ModelAddress(URL, "org/coder:latest", None),
    "quoted": ModelAddress(URL, 'a"b\\c', 8192),
}
CONTEXT = {"plain": 65_536, "org": 32_768, "quoted": 8192}


@pytest.fixture(params=MODELS)
def kind(request: pytest.FixtureRequest) -> str:
    """Names of several kinds, one without a known context."""
    return str(request.param)


def of(*languages: Language) -> list[str]:
    """Return the names of the snippets in *languages*."""
    return [name for name, snippet in SNIPPETS.items() if snippet.language in languages]


@pytest.mark.parametrize("name", SNIPPETS)
def test_nothing_is_left_to_fill_in(name: str, kind: str) -> None:
    """It has an address and a key or a model, and no word between two @."""
    text = SNIPPETS[name].text(MODELS[kind])
    assert URL in text
    assert not re.search(r"@[A-Z_]+@", text)
    assert text.endswith("\n")


@pytest.mark.parametrize("name", of(Language.PYTHON))
def test_python_is_python(name: str, kind: str) -> None:
    """It compiles, and its first line says what to install."""
    text = SNIPPETS[name].text(MODELS[kind])
    compile(text, name, "exec")
    assert text.startswith("# pip install ")
    assert json.dumps(MODELS[kind].model)[1:-1] in text


@pytest.mark.parametrize("name", of(Language.JSON))
def test_json_is_json(name: str, kind: str) -> None:
    """It holds the model's name and its context, or a usual one."""
    found = json.dumps(json.loads(SNIPPETS[name].text(MODELS[kind])), ensure_ascii=False)
    assert json.dumps(MODELS[kind].model) in found
    assert f": {CONTEXT[kind]}" in found


@pytest.mark.parametrize("name", of(Language.YAML))
def test_yaml_is_yaml(name: str, kind: str) -> None:
    """A quotation mark in a name is escaped."""
    (model,) = yaml.safe_load(SNIPPETS[name].text(MODELS[kind]))["models"]
    assert (MODELS[kind].model, f"{URL}/v1") == (model["model"], model["apiBase"])
    assert CONTEXT[kind] == model["defaultCompletionOptions"]["contextLength"]


def test_steps_are_not_escaped() -> None:
    """They are read by a person."""
    steps = Snippet("x", "X", Language.STEPS, "its pages", "1. @MODEL@ at @OPENAI_URL@\n")
    assert f'1. a"b\\c at {URL}/v1\n' == steps.text(MODELS["quoted"])


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_key_is_not_printed(name: str) -> None:
    """A word stands for it, where the program takes one."""
    text = SNIPPETS[name].text(ModelAddress(URL, "coder", 8192, "secret"))
    assert "secret" not in text
    assert ("YOUR_HOSTD_KEY" in text) == ("@KEY@" in SNIPPETS[name].template)
