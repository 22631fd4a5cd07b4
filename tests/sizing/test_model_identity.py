"""Whether two loads serve the same model."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.domain.profile import Capabilities, Profile, Variant
from hostd.sizing.model_identity import model_identity


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of some size."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" * 8)
    return path


def identity(weights: Path, backend: str = "llamacpp", *, vectors: bool = False, args: Any = None) -> str:
    """Return the identity of a model in *weights*."""
    variant = Variant(backend, path=str(weights))
    return model_identity(
        Profile("m", (variant,), args=args or {}, capabilities=Capabilities(embeddings=vectors)), variant
    )


def test_is_the_same_for_the_same(weights: Path) -> None:
    """Names, limits and what only makes an engine faster do not count."""
    variant = Variant("llamacpp", path=str(weights))
    given = Profile("m", (variant,), aliases=("a",), args={"threads": 2, "cache-ram": 8})
    assert identity(weights) == model_identity(given, variant)
    assert identity(weights, args={"a": "1", "b": 2}) == identity(weights, args={"b": 2, "a": "1"})


def test_differs_by_all_that_may_answer_otherwise(weights: Path, tmp_path: Path) -> None:
    """Another file, or the same path with another file in it; another engine, flag, template or use."""
    template = tmp_path / "t.jinja"
    template.write_text("a")
    seen = [
        identity(weights),
        identity(weights, "ollama"),
        identity(weights, args={"jinja": True}),
        identity(weights, vectors=True),
        identity(weights, args={"chat-template-file": str(template)}),
    ]
    template.write_text("ab")
    seen.append(identity(weights, args={"chat-template-file": str(template)}))
    os.utime(weights, (1, 1))
    seen.append(identity(weights))
    weights.write_bytes(b"GGUF")
    os.utime(weights, (1, 1))
    seen.append(identity(weights))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("key", ["hf", "tag", "url", "model", "file"])
def test_what_has_no_file_is_known_by_its_name(key: str) -> None:
    """A reference, a tag, a server, a provider's model; one that is not here yet, too."""
    variant = Variant("vllm", **{key: "org/model"})
    profile = Profile("m", (variant,))
    assert model_identity(profile, variant) != model_identity(profile, replace(variant, **{key: "org/other"}))
    missing = Variant("llamacpp", hf="org/nowhere-to-be-found", file="x.gguf")
    assert model_identity(profile, missing) == model_identity(profile, missing)
