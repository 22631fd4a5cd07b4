"""Strict clients find every member that they want, and what is said of a model is what is known."""

from typing import Any

import ollama
import pytest

from hostd.dialects.ollama.catalogue import ModelFacts, listed, loaded, shown

CODER = ModelFacts("org/coder", "llamacpp:Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", 32768, 5 << 30, 1_700_000_000.0)
DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "qwen",
    "families": ["qwen"],
    "parameter_size": "7B",
    "quantization_level": "Q4_K_M",
}


def test_a_listed_model() -> None:
    """Under one name, in the shape of Ollama's own client."""
    told = listed(CODER)
    assert (told["name"], DETAILS, 64) == (told["model"], told["details"], len(told["digest"]))
    model = ollama.ListResponse.model_validate({"models": [told]}).models[0]
    assert ("org/coder", 5 << 30) == (model.model, model.size)


def test_a_loaded_model() -> None:
    """Its memory, on cards and in all, and until when it stays."""
    told = loaded(CODER, on_cards=3 << 30, until=1_700_000_060.5)
    model = ollama.ProcessResponse.model_validate({"models": [told]}).models[0]
    assert (5 << 30, 3 << 30, 32768) == (model.size, model.size_vram, model.context_length)
    assert "2023-11-14T22:14:20.500000Z" == told["expires_at"]


def test_a_shown_model() -> None:
    """With the context that it is served with, under the name that clients look for."""
    told = shown(CODER)
    assert 32768 == told["model_info"][f"{told['model_info']['general.architecture']}.context_length"]
    assert ["completion", "tools"] == ollama.ShowResponse.model_validate(told).capabilities


@pytest.mark.parametrize(
    ("known", "capabilities"),
    [
        ({"tools": False}, ["completion"]),
        ({"tools": True, "vision": True, "thinking": True}, ["completion", "tools", "vision", "thinking"]),
        ({"embeddings": True, "tools": True}, ["embedding"]),
    ],
)
def test_capabilities(known: dict[str, Any], capabilities: list[str]) -> None:
    """Programs offer no more than what is there."""
    assert capabilities == shown(ModelFacts("m", "vllm:org/m", None, 0, 0.0, **known))["capabilities"]


@pytest.mark.parametrize(
    ("label", "size", "quantization"),
    [
        ("mlx:Qwen2.5-Coder-7B-Instruct-4bit", "7B", "4BIT"),
        ("ollama:llama3.1:8b", "8B", "unknown"),
        ("vllm:org/gpt-oss-120b-MXFP4", "120B", "MXFP4"),
        ("cloud:gpt-5", "unknown", "unknown"),
        ("llamacpp:SmolLM2-1.7B.IQ4_XS.gguf", "1.7B", "IQ4_XS"),
    ],
)
def test_reads_names(label: str, size: str, quantization: str) -> None:
    """What the name of a file does not say is unknown."""
    details = listed(ModelFacts("m", label, None, 0, 0.0))["details"]
    assert (size, quantization) == (details["parameter_size"], details["quantization_level"])
