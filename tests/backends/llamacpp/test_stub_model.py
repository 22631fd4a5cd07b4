"""Models without weights."""

from pathlib import Path

import pytest

from hostd.backends.llamacpp import stub_model
from hostd.planning.formats.gguf import GgufHeader, Value, parse
from hostd.planning.formats.gguf_shape import shape_of
from tests.backends import stubs
from tests.planning.stub import strings, stub


def parsed(data: bytes) -> GgufHeader:
    """Return the header in *data*."""
    header = parse(data)
    assert isinstance(header, GgufHeader)
    return header


@pytest.mark.parametrize("architecture", stubs.MODELS)
def test_a_stub_has_the_shape_of_its_model(architecture: str) -> None:
    """Nothing that decides memory is lost on the way."""
    header = parsed(stubs.header(architecture))
    head, size = stub_model.stub(header)
    again = parsed(head)
    assert shape_of(header) == shape_of(again)
    assert header.tensors == again.tensors
    assert size >= again.file_bytes


def test_the_vocabulary_is_left_out_and_counted(tmp_path: Path) -> None:
    """A tokenizer of any length makes no stub longer, and the engine still knows how many tokens there are."""
    words = strings([b"word"] * 5000)
    header = parsed(
        stub({"general.architecture": "llama", "tokenizer.ggml.tokens": words, "tokenizer.ggml.model": "gpt2"})
    )
    path = tmp_path / "stub.gguf"
    stub_model.write(header, path)
    kept = parsed(path.read_bytes())
    assert {"general.architecture": "llama", "llama.vocab_size": 5000, "tokenizer.ggml.model": "none"} == dict(
        kept.keys
    )


def test_a_stub_takes_no_room_on_disk(tmp_path: Path) -> None:
    """It is as long as the loader expects and as short as its header."""
    header = parsed(stubs.header("llama"))
    path = tmp_path / "stub.gguf"
    stub_model.write(header, path)
    about = path.stat()
    assert header.file_bytes <= about.st_size
    assert about.st_blocks * 512 < about.st_size // 10


def test_values_keep_their_kind() -> None:
    """Loaders refuse a number of another type than they expect."""
    values: dict[str, Value] = {
        "a.int": 7,
        "a.less": -1,
        "a.real": 0.5,
        "a.yes": True,
        "a.some": (1, 2),
        "a.flags": (True, False),
    }
    values |= {"a.text": "Grüße", "a.large": 1 << 40}
    header = GgufHeader(3, values, {}, (), 0, 0)
    kept = dict(parsed(stub_model.stub(header)[0]).keys)
    assert values | {"tokenizer.ggml.model": "none"} == kept
    assert {name: type(value) for name, value in values.items()} == {name: type(kept[name]) for name in values}
