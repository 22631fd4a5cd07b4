"""Which of the models on a machine get a profile, and the reasons of the others."""

from pathlib import Path

from hostd.cli.init_selection import InitSelection, select_profiles
from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.domain.ticket import Task
from hostd.hardware.simulated import preset
from hostd.models.reference import OllamaReference
from hostd.models.scan import scan
from tests.models import weights
from tests.models.test_ollama import put
from tests.models.test_scan import file, locations

CARD = preset("rtx4090", Reserve())
GIB = 2**30


def choices(root: Path, host: Host = CARD) -> dict[str, InitSelection]:
    """Return what is chosen of the models below a folder, by their names."""
    return {option.entry.name: option for option in select_profiles(scan(locations(root)), host)}


def packed(number: int, **more: object) -> bytes:
    """Return a model whose header says that it is packed so."""
    return weights.gguf(keys={"general.file_type": number, **more})


def test_a_model_gets_a_profile_that_fits(tmp_path: Path) -> None:
    """Its context is the model's, and it is warm from boot."""
    path = file(tmp_path / "models/Tiny-1B-Q4_K_M.gguf", packed(15))
    (option,) = choices(tmp_path).values()
    assert option.starter is not None
    assert ("tiny-1b", str(path), 4096, 2, True, (), Task.TEXT, None) == (
        option.starter.name,
        option.starter.path,
        option.starter.context,
        option.starter.slots,
        option.starter.preload,
        option.starter.aliases,
        option.starter.task,
        option.starter.gpu_layers,
    )
    assert (
        f"Found in {tmp_path / 'models'}: llama, Q4_K_M, {path.stat().st_size / 1024:.1f} KiB."
        == option.starter.about[0]
    )
    assert option.starter.about[1].startswith("Takes 7")
    assert "of cuda:0 and " in option.starter.about[1]


def test_ollamas_models_are_served_from_its_blobs_under_their_tags(tmp_path: Path) -> None:
    """The tag is an alias, so that Ollama's clients find the model under the name that they know."""
    put(tmp_path / "ollama", OllamaReference("tiny", "1b"), model=packed(15))
    starter = choices(tmp_path)["tiny:1b"].starter
    assert starter is not None
    assert ("tiny-1b", ("tiny:1b",)) == (starter.name, starter.aliases)
    assert Path(starter.path).name.startswith("sha256-")
    assert starter.about[0].startswith("Found in Ollama as tiny:1b:")


def test_of_several_quantisations_one_is_served(tmp_path: Path) -> None:
    """Wherever they are; the others say which."""
    put(tmp_path / "ollama", OllamaReference("tiny", "1b"), model=packed(15))
    file(tmp_path / "models/Tiny-1B-Q8_0.gguf", weights.gguf(keys={"general.file_type": 7}, tensors=4))
    file(tmp_path / "models/Tiny-1B-F16.gguf", weights.gguf(keys={"general.file_type": 1}, tensors=6))
    found = choices(tmp_path)
    assert ["Tiny-1B-Q8_0"] == [name for name, option in found.items() if option.starter]
    assert "'tiny-1b' is served from its Q8_0 file" == found["tiny:1b"].why == found["Tiny-1B-F16"].why


def test_embedding_models_say_so(tmp_path: Path) -> None:
    """An encoder has one slot; of two, the smaller is warm."""
    file(tmp_path / "models/bert.gguf", weights.gguf(architecture="bert"))
    file(tmp_path / "models/more-bert.gguf", weights.gguf(architecture="bert", tensors=4))
    small, large = (option.starter for option in choices(tmp_path).values())
    assert small is not None
    assert large is not None
    assert (Task.EMBEDDINGS, 1, True) == (small.task, small.slots, small.preload)
    assert (Task.EMBEDDINGS, 1, False) == (large.task, large.slots, large.preload)


def test_a_model_that_ranks_is_declared_to(tmp_path: Path) -> None:
    """Its pooling tells."""
    file(tmp_path / "models/ranks.gguf", weights.gguf(architecture="bert", keys={"bert.pooling_type": 4}))
    (option,) = choices(tmp_path).values()
    assert option.starter is not None
    assert (Task.RERANK, 1, True) == (option.starter.task, option.starter.slots, option.starter.preload)


def test_every_other_model_has_its_reason(tmp_path: Path) -> None:
    """Nothing on the shelf is passed over in silence."""
    folder = tmp_path / "models"
    file(folder / "broken.gguf", b"<html>")
    file(folder / "mmproj-m.gguf", weights.gguf(architecture="clip", vocabulary=0))
    file(folder / "draft-m.gguf", weights.gguf())
    file(folder / "odd.gguf", weights.gguf(architecture="novel"))
    file(folder / "${env:X}.gguf", weights.gguf(vocabulary=7))
    weights.checkpoint(folder / "plain")
    weights.checkpoint(folder / "apple", quantization={"bits": 4})
    sees = weights.gguf().replace(b"blk.1.w1", b"v.blk.w1")
    put(tmp_path / "ollama", OllamaReference("sees"), model=sees)
    put(tmp_path / "ollama", OllamaReference("tuned"), model=weights.gguf(vocabulary=5), adapter=b"GGUF")
    found = choices(tmp_path)
    assert not any(option.starter for option in found.values())
    parts = {
        "broken": "this is a web page",
        "mmproj-m": "projector of another",
        "draft-m": "drafts",
        "odd": "'novel' is not known",
        "${env:X}": "rename it",
        "plain": "not safetensors",
        "apple": "not MLX's",
        "sees:latest": "only Ollama can load it",
        "tuned:latest": "adapter",
    }
    assert set(parts) == set(found)
    assert {} == {name: found[name].why for name, part in parts.items() if part not in found[name].why}


def test_what_does_not_fit_now_says_what_there_is(tmp_path: Path) -> None:
    """A machine whose memory is taken serves nothing."""
    file(tmp_path / "models/m.gguf", weights.gguf())
    full = Host("Linux", "x", 8 * GIB, (Pool("ram", PoolKind.RAM, "Main memory", 8 * GIB, 2**20, 4 * GIB),))
    assert choices(tmp_path, full)["m"].why.endswith("of weights, and models can take 1.0 MiB of ram now")


def test_an_empty_shelf_has_no_choices(tmp_path: Path) -> None:
    """No models, no choices."""
    assert {} == choices(tmp_path)
