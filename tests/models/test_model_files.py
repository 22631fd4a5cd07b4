"""Which files are the model follows from their names."""

import pytest

from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.model_files import (
    ModelFiles,
    choose,
    is_draft,
    is_projector,
    models,
    parts_of,
    plain_name,
    projector_of,
)


def chosen(*names: str) -> ModelFiles:
    """Return the choice among files of unknown size."""
    return choose(dict.fromkeys(names), "owner/model")


def test_of_several_quantisations_the_usual_one_is_taken_and_said() -> None:
    """Q4_K_M is what most people run; the note says that there was a choice."""
    option = chosen("m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-Q2_K.gguf", "README.md")
    assert ("m-Q4_K_M.gguf",) == option.gguf
    assert "holds 3 models in GGUF; m-Q4_K_M.gguf was taken" in (option.note or "")


def test_all_parts_of_a_split_model_are_one_model() -> None:
    """Parts are in order, and not a choice."""
    option = chosen("q/m-00002-of-00002.gguf", "q/m-00001-of-00002.gguf")
    assert (("q/m-00001-of-00002.gguf", "q/m-00002-of-00002.gguf"), None) == (option.gguf, option.note)


def test_a_missing_part_is_named() -> None:
    """A model with a hole is none."""
    with pytest.raises(ModelNotFound, match="lacks m-00001-of-00002"):
        chosen("m-00002-of-00002.gguf")


def test_a_projector_goes_with_the_model() -> None:
    """Towers and importance matrices are no models; of several towers the one in F16 is usual."""
    option = chosen("m-Q4_0.gguf", "mmproj-BF16.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf", "imatrix.gguf")
    assert (("m-Q4_0.gguf",), "mmproj-F16.gguf") == (option.gguf, option.projector)


def test_names_that_are_not_to_be_trusted_are_not_seen() -> None:
    """A hub that lists a step upwards lists nothing."""
    with pytest.raises(ModelNotFound, match="holds no model"):
        chosen("../m.gguf", "a\\m.gguf", "/m.gguf")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("model.safetensors.index.json", "model-1.safetensors"), ModelFiles(index=True)),
        (("model.safetensors", "adapter_model.safetensors"), ModelFiles(safetensors=("model.safetensors",))),
        (("consolidated.safetensors", "weights.safetensors"), ModelFiles(safetensors=("weights.safetensors",))),
    ],
)
def test_safetensors_are_taken_by_their_index_or_their_usual_name(names: tuple[str, ...], expected: ModelFiles) -> None:
    """Adapters and second copies in another layout are left out."""
    assert expected == chosen(*names)


@pytest.mark.parametrize("name", ["m-00003-of-00002.gguf", "m-00000-of-00002.gguf", "m-00001-of-99999.gguf"])
def test_parts_that_cannot_be_are_refused(name: str) -> None:
    """A hostile name does not make us look for a hundred thousand files."""
    with pytest.raises(ModelUnreadable, match="cannot be a part"):
        parts_of(name)
    assert [(name,)] == models([name])


@pytest.mark.parametrize(("name", "expected"), [("a/mmproj-F16.gguf", True), ("mmproj/m.gguf", False)])
def test_a_projector_is_known_by_its_own_name(name: str, expected: bool) -> None:
    """The folder does not count."""
    assert expected is is_projector(name)


def test_of_several_projectors_the_one_in_half_precision_is_taken() -> None:
    """None where there is none."""
    assert "mmproj-F16.gguf" == projector_of(["mmproj-F32.gguf", "mmproj-F16.gguf", "m.gguf"])
    assert projector_of(["m.gguf", "mmproj.txt"]) is None


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
