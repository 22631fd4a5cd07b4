"""Names of models, as files and programs write them."""

import pytest

from hostd.models.names import is_draft, plain_name


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("Qwen3.5-9B-Q4_K_M", "qwen3.5-9b"),
        ("gemma-4-26B-A4B-it-UD-Q4_K_XL", "gemma-4-26b-a4b-it"),
        ("llama-2-7b.Q4_0", "llama-2-7b"),
        ("gpt-oss-20b-mxfp4", "gpt-oss-20b"),
        ("phi-4-IQ3_XXS", "phi-4"),
        ("model-BF16-00001-of-00003", "model"),
        ("qwen3.5:9b", "qwen3.5-9b"),
        ("qwen3.5:9b-q8_0", "qwen3.5-9b"),
        ("llama3.2:latest", "llama3.2"),
        ("hf.co/unsloth/Qwen3.5-9B-GGUF:Q4_K_M", "qwen3.5-9b"),
        ("../../etc/passwd", "passwd"),
        ("Größe 7B!", "gr-e-7b"),
        (".Q4_0", "model"),
        ("", "model"),
        ("x" * 300, "x" * 60),
    ],
)
def test_the_packing_is_left_out(given: str, plain: str) -> None:
    """What is left can name a file on any system."""
    assert plain == plain_name(given)


@pytest.mark.parametrize(
    ("name", "drafts"),
    [("mtp-gemma-4-26B-A4B-it", True), ("Qwen3-DRAFT-0.75B", True), ("Qwen3.6-27B-MTP", False), ("draughts-7b", False)],
)
def test_models_that_draft_are_told_by_a_word(name: str, drafts: bool) -> None:
    """A whole model that can also draft for itself is none of them."""
    assert drafts is is_draft(name)
