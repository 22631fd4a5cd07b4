"""Files beside a model that the owner's flags name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.models.header import ModelHeader
from hostd.models.open import open_header
from hostd.models.reference import FileReference
from hostd.planning.footprint.llamacpp_serving import Serving
from hostd.sizing.companion_files import companions
from tests.planning.stub import model, stub

LLAMA = {"block_count": 2, "embedding_length": 64, "attention__head_count": 2, "context_length": 512}
WEIGHTS = [
    ("token_embd.weight", (64, 8), "f16"),
    ("blk.0.attn_q.weight", (64, 64), "f16"),
    ("blk.1.attn_q.weight", (64, 64), "f16"),
]

EXPERTS = [
    *WEIGHTS,
    *((f"blk.{number}.ffn_{name}_exps.weight", (64, 64, 4), "f16") for number in (0, 1) for name in ("up", "down")),
    ("blk.0.ffn_gate_inp.weight", (64, 4), "f32"),
]

Write = Callable[[str, bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a header into a file of that name, and return its path."""

    def write(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


@pytest.fixture
def header(write: Write) -> ModelHeader:
    """The header of a model."""
    return open_header(FileReference(Path(write("a.gguf", model("llama", WEIGHTS, **LLAMA)))))


def test_a_draft_model_is_read(header: ModelHeader, write: Write) -> None:
    """Its shape is counted beside the model's."""
    small = write("small.gguf", model("llama", WEIGHTS, **LLAMA))
    found = companions(header, Serving(draft_model=small, verified=3), open_header)
    assert found.draft is not None
    assert (2, ()) == (len(found.draft.layers), found.serving.unreckoned)


def test_layers_made_for_the_model_draft_alone(header: ModelHeader, write: Write) -> None:
    """A file of them counts the model's own layers, too, of which it has no weights."""
    made = write("mtp.gguf", model("llama", WEIGHTS[1:], **{**LLAMA, "nextn_predict_layers": 1}))
    found = companions(header, Serving(draft_model=made, verified=2, rollback=2), open_header)
    assert found.draft is not None
    assert (1, ()) == (len(found.draft.layers), found.draft.nextn)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"draft_model": "/not/here.gguf"}, ("model-draft",)),
        ({"projector": "/not/here.gguf"}, ("mmproj",)),
        ({"overrides": "token_embd=Vulkan0"}, ("override-tensor",)),
        ({"overrides": "token_embd"}, ("override-tensor",)),
        ({"overrides": "(=CPU"}, ("override-tensor",)),
        ({"overrides": "token_embd=CPU,attn_q=CUDA1"}, ()),
        ({}, ()),
    ],
)
def test_what_cannot_be_read_leaves_its_flag_unreckoned(
    header: ModelHeader, flags: dict[str, str], named: tuple[str, ...]
) -> None:
    """So that nothing is promised."""
    assert named == companions(header, Serving(**flags), open_header).serving.unreckoned  # type: ignore[arg-type]


def test_a_draft_of_unknown_architecture_cannot_be_counted(header: ModelHeader, write: Write) -> None:
    """Its weights could be, its cache could not."""
    odd = write("odd.gguf", model("newest", WEIGHTS, **LLAMA))
    assert ("model-draft",) == companions(header, Serving(draft_model=odd), open_header).serving.unreckoned


def test_experts_that_the_owner_moves_count_on_the_host(write: Write) -> None:
    """As with --n-cpu-moe where they are all of the first layers, else tensor by tensor."""
    named = Path(write("moe.gguf", model("llama", EXPERTS, **LLAMA)))
    moe = open_header(FileReference(named))
    for text, experts in (("exps=CPU", 2), (r"blk\.0\.ffn_.*exps=CPU", 1), ("attn_k=CPU", 0)):
        serving = companions(moe, Serving(overrides=text), open_header).serving
        assert (experts, ()) == (serving.cpu_experts, serving.moved)
    for text in (r"blk\.1\..*exps=CPU", "ffn_up_exps=CPU", "exps=CUDA0", "ffn=CPU"):
        serving = companions(moe, Serving(overrides=text), open_header).serving
        assert (0, ()) == (serving.cpu_experts, serving.unreckoned)
        assert serving.moved


def test_the_owners_projector_comes_instead(header: ModelHeader, write: Write) -> None:
    """Only a file that is one counts."""
    tower = write("mmproj.gguf", stub({"general.architecture": "clip"}, [("v.blk.weight", (64, 64), "f16")]))
    found = companions(header, Serving(projector=tower), open_header)
    assert found.projector is not None
    assert (64 * 64 * 2, ()) == (found.projector.projector, found.serving.unreckoned)
    assert ("mmproj",) == companions(header, Serving(projector=str(header.path)), open_header).serving.unreckoned
