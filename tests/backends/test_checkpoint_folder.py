"""Folders of weights: where they are, and what is wrong with broken ones."""

import json
from pathlib import Path

import pytest

from hostd.backends import checkpoint_folder
from hostd.domain.errors import EngineError
from hostd.domain.profile import Variant
from hostd.domain.reason import ExitClass
from tests.backends.running import snapshot
from tests.counting_model import write_counting_model
from tests.models.weights import checkpoint


def test_a_path_is_taken_as_it_is() -> None:
    """Whether files exist is for `check` to say."""
    assert Path("/models/tiny") == checkpoint_folder.locate(Variant("mlx", path="/models/tiny"))


@pytest.mark.parametrize("name", ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
def test_a_repository_is_found_in_the_cache_that_the_environment_names(tmp_path: Path, name: str) -> None:
    """The branch's commit decides which snapshot is served."""
    folder = snapshot(tmp_path, "org/model")
    assert folder == checkpoint_folder.locate(Variant("vllm", hf="org/model"), {name: str(tmp_path)})


def test_the_usual_cache_is_below_the_home_of_the_hub(tmp_path: Path) -> None:
    """HF_HOME, else the user's cache folder."""
    folder = snapshot(tmp_path / "huggingface" / "hub", "org/model")
    variant = Variant("vllm", hf="org/model")
    assert folder == checkpoint_folder.locate(variant, {"HF_HOME": str(tmp_path / "huggingface")})
    assert folder == checkpoint_folder.locate(variant, {"XDG_CACHE_HOME": str(tmp_path)})


def test_what_was_not_downloaded_is_to_be_pulled(tmp_path: Path) -> None:
    """The sentence names the command."""
    with pytest.raises(EngineError, match="run: hostd pull hf:org/model") as caught:
        checkpoint_folder.locate(Variant("mlx", hf="org/model"), {"HF_HOME": str(tmp_path)})
    assert ExitClass.MISSING_FILE == caught.value.exit_class


def test_a_reference_that_is_no_commit_is_not_followed(tmp_path: Path) -> None:
    """The cache's own files do not choose folders outside of it."""
    snapshot(tmp_path, "org/model")
    (tmp_path / "models--org--model" / "refs" / "main").write_text("../../..", encoding="ascii")
    with pytest.raises(EngineError, match="not on this machine"):
        checkpoint_folder.locate(Variant("mlx", hf="org/model"), {"HF_HUB_CACHE": str(tmp_path)})


def test_a_whole_model_is_as_large_as_its_weights(tmp_path: Path) -> None:
    """Bytes of its .safetensors files."""
    folder = write_counting_model(tmp_path / "m")
    assert (folder / "model.safetensors").stat().st_size == checkpoint_folder.check(folder)


def test_each_missing_part_is_named(tmp_path: Path) -> None:
    """A folder, its configuration, its weights, and the parts that its index names."""
    folder = tmp_path / "m"
    with pytest.raises(EngineError, match="there is no folder"):
        checkpoint_folder.check(folder)
    folder.mkdir()
    with pytest.raises(EngineError, match=r"there is no .*config\.json"):
        checkpoint_folder.check(folder)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EngineError, match="does not say what model it is"):
        checkpoint_folder.check(folder)
    (folder / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    with pytest.raises(EngineError, match="holds no"):
        checkpoint_folder.check(folder)
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / checkpoint_folder.INDEX).write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(EngineError, match="lacks model-00001-of-00002"):
        checkpoint_folder.check(folder)


@pytest.mark.parametrize("content", [b"", b"\x00" * 20, (500).to_bytes(8, "little") + b"{}"])
def test_a_broken_download_is_seen_before_an_engine_starts(tmp_path: Path, content: bytes) -> None:
    """A file that is empty, full of nothing, or shorter than its own header."""
    folder = write_counting_model(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(EngineError, match="download it again"):
        checkpoint_folder.check(folder)


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff"])
def test_a_configuration_that_is_none_is_said_to_be_so(tmp_path: Path, content: bytes) -> None:
    """Whatever the bytes are, it is a sentence."""
    folder = write_counting_model(tmp_path / "m")
    (folder / "config.json").write_bytes(content)
    with pytest.raises(EngineError, match="download it again"):
        checkpoint_folder.check(folder)


def test_weights_that_a_repository_has_twice_count_once(tmp_path: Path) -> None:
    """Shards of an index, and the same again in one file of the authors' own format: an engine loads the former."""
    folder = checkpoint(tmp_path / "model")
    once, alone = checkpoint_folder.check(folder), checkpoint_folder.shape(folder)
    (shard,) = folder.glob("*.safetensors")
    (folder / "consolidated.safetensors").write_bytes(shard.read_bytes())
    assert (once, alone.weight_bytes) == (checkpoint_folder.check(folder), checkpoint_folder.shape(folder).weight_bytes)
    index = {"weight_map": {"model.embed_tokens.weight": shard.name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert once == checkpoint_folder.check(folder)
