"""No engine is started on a header that hostd's own parser refuses."""

from pathlib import Path

import pytest

from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.llamacpp.gguf_header import refuse_damaged
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from tests.planning.stub import stub

ARCHITECTURE = {"general.architecture": "llama"}


@pytest.mark.parametrize(
    "content",
    [
        stub(ARCHITECTURE | {"llama.block_count": 2**32 - 1}),
        stub(ARCHITECTURE | {"llama.block_count": 2, "llama.attention.head_count": 2**32 - 1}),
        b"GGUF\x03\0\0\0" + b"\xff" * 16,
        b"GGUF\x03\0\0\0",
    ],
    ids=["layers", "heads", "tensors", "cut short"],
)
def test_a_damaged_header_is_refused_before_anything_starts(content: bytes, tmp_path: Path) -> None:
    """At the check, which comes before memory is freed for it."""
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    backend, profile, variant = LlamaCpp(), Profile("m", ()), Variant("llamacpp", path=str(path))
    with pytest.raises(EngineError) as refused:
        backend.check(profile, variant, None)
    assert ExitClass.MISSING_FILE is refused.value.exit_class
    assert str(path) in refused.value.message


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"general.architecture": "clip", "clip.has_vision_encoder": True}, "the projector of another model"),
        (ARCHITECTURE | {"general.type": "adapter"}, "an adapter"),
        ({"general.type": "imatrix"}, "an importance matrix"),
        (ARCHITECTURE | {"tokenizer.ggml.model": "gpt2"}, "a vocabulary"),
    ],
)
def test_what_is_no_model_is_called_by_its_name(keys: dict[str, object], what: str, tmp_path: Path) -> None:
    """An engine would name the tensor that it misses."""
    path = tmp_path / "m.gguf"
    path.write_bytes(stub(keys))
    with pytest.raises(EngineError) as refused:
        refuse_damaged(path)
    assert f"{path}: this is {what}" in refused.value.message


@pytest.mark.parametrize("content", [b"GGUF" + bytes(60), stub(ARCHITECTURE, version=4)], ids=["zeros", "newer"])
def test_what_hostd_does_not_know_is_the_engines_to_judge(content: bytes, tmp_path: Path) -> None:
    """Another version of the format, say."""
    (tmp_path / "m.gguf").write_bytes(content)
    refuse_damaged(tmp_path / "m.gguf")
    refuse_damaged(tmp_path / "none.gguf")


def test_a_repaired_file_is_read_again(tmp_path: Path) -> None:
    """What was refused is forgotten once the file has changed."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0")
    with pytest.raises(EngineError):
        refuse_damaged(path)
    path.write_bytes(b"GGUF" + bytes(60))
    refuse_damaged(path)


def test_a_long_header_is_read_to_its_end(tmp_path: Path) -> None:
    """A vocabulary is longer than what is read at first; damage behind it is found."""
    path = tmp_path / "m.gguf"
    path.write_bytes(stub({"long": list(range(600_000))} | ARCHITECTURE | {"llama.block_count": 2**32 - 1}))
    assert path.stat().st_size > 2 << 20
    with pytest.raises(EngineError):
        refuse_damaged(path)
