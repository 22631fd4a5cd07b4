"""The chat template of the demonstration models."""

import importlib

import pytest

jinja2 = pytest.importorskip("jinja2")
template = importlib.import_module("demo_models.template")


def render(*messages: dict[str, object]) -> str:
    """Return what a model is given for *messages*."""
    text: str = jinja2.Template(template.CHAT_TEMPLATE).render(messages=messages, add_generation_prompt=True)
    return text.removeprefix("<|bos|>").removesuffix("<|assistant|>")


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        ("system", "system"),
        ("developer", "system"),
        ("assistant", "assistant"),
        ("user", "user"),
        ("tool", "user"),
        ("function", "user"),
        ("anything", "user"),
    ],
)
def test_every_role_renders(role: str, shown: str) -> None:
    """No role that a client may send is refused."""
    expected = f"<|{shown}|>Hi<|end|>"
    assert expected == render({"role": role, "content": "Hi"})


@pytest.mark.parametrize("message", [{"role": "assistant", "content": None}, {"role": "assistant"}])
def test_content_may_be_missing(message: dict[str, object]) -> None:
    """A message that only calls tools has no content."""
    expected = "<|assistant|><|end|>"
    assert expected == render(message)


def test_parts_of_text_are_joined() -> None:
    """Content given as a list keeps its text and leaves out the rest."""
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}, "b"]
    expected = "<|user|>ab<|end|>"
    assert expected == render({"role": "user", "content": parts})
