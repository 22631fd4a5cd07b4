"""Models blown up with zeros, and those of noise that they are tried with."""

from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
gguf = pytest.importorskip("gguf")
inflate = pytest.importorskip("demo_models.inflate")
Shape = pytest.importorskip("demo_models.recipe").Shape
random_model = pytest.importorskip("demo_models.random_model")


def written(tmp_path: Path) -> Path:
    """Write a model of noise and return where it is."""
    path = tmp_path / "noise.gguf"
    random_model.write_random(path, random_model.SHAPES["tiny"], seed=1)
    return path


def test_inflated_model_has_the_shape_asked_for(tmp_path: Path) -> None:
    """Width and heads are multiplied, the layers are as many as asked for, and the header says so."""
    source, target = written(tmp_path), tmp_path / "large.gguf"
    inflate.inflate(source, target, inflate.Growth(times=4, layers=5, context=1024))
    shape = inflate.read_shape(gguf.GGUFReader(target))
    expected = Shape(256, 5, 8, 4, 640, 288, 1024, 10000.0, pytest.approx(2.5e-6))
    assert expected == shape


def test_tokenizer_and_template_are_copied(tmp_path: Path) -> None:
    """The larger model speaks the same tokens."""
    source, target = written(tmp_path), tmp_path / "large.gguf"
    inflate.inflate(source, target, inflate.Growth(times=2))
    old, new = (
        {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items() if "tokenizer" in name}
        for path in (source, target)
    )
    assert old == new


def test_a_model_does_not_shrink() -> None:
    """Fewer layers than the model has are refused with both numbers."""
    with pytest.raises(ValueError, match=r"1 layers .* 2 layers"):
        inflate.Growth(layers=1).of(random_model.SHAPES["tiny"])


def test_inflated_model_keeps_the_original_in_its_corner(tmp_path: Path) -> None:
    """Each matrix of the original is found unchanged at the top left, with zeros around it."""
    source, target = written(tmp_path), tmp_path / "large.gguf"
    inflate.inflate(source, target, inflate.Growth(times=4, layers=5))
    small, large = ({tensor.name: tensor.data for tensor in gguf.GGUFReader(path).tensors} for path in (source, target))
    old, new = small["blk.1.attn_q.weight"], large["blk.1.attn_q.weight"]
    assert (old == new[: old.shape[0], : old.shape[1]]).all()
    assert np.count_nonzero(old) == np.count_nonzero(new)
    assert np.count_nonzero(large["blk.4.attn_output.weight"]) == 0


def test_noise_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """A test that found something with a model of noise can be repeated."""
    first = written(tmp_path).read_bytes()
    assert first == written(tmp_path).read_bytes()
