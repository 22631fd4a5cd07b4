"""When tokens are drafted for a model, and why not."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.domain.profile import Profile, Variant
from hostd.models.errors import HubUnreachable
from hostd.models.header import ModelHeader
from hostd.models.open import open_header
from hostd.models.reference import FileReference, HubReference
from hostd.planning.footprint.llamacpp_serving import Serving
from hostd.sizing import drafting
from hostd.sizing.companion_files import Companions
from tests.planning.stub import model

QWEN = {"block_count": 3, "embedding_length": 64, "attention__head_count": 2, "context_length": 512, "vocab_size": 500,
        "full_attention_interval": 1}  # fmt: skip
PROFILE = Profile("a", (Variant("llamacpp", path="a.gguf"),), context=512, slots=1)
ONE = Serving(context=512, slots=1)

Make = Callable[..., ModelHeader]


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan as where no llama-server is installed, which is taken for a current one."""
    monkeypatch.setattr(drafting, "engine_drafting", lambda: None)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return the header of a file that is written: one layer of weights for each of *layers*, *width* wide."""

    def make(name: str, layers: int = 3, width: int = 64, architecture: str = "qwen35", **numbers: int) -> ModelHeader:
        tensors = [(f"blk.{number}.attn_q.weight", (64, width), "f16") for number in range(layers)]
        (tmp_path / name).write_bytes(model(architecture, tensors, **{**QWEN, **numbers}))
        return open_header(FileReference(tmp_path / name))

    return make


def drafted(header: ModelHeader, profile: Profile = PROFILE, serving: Serving = ONE) -> Companions:
    """Return how the model is served."""
    return drafting.with_drafting(profile, header, serving, open_header)


def test_own_drafting_layers_are_used(make: Make) -> None:
    """Two tokens at a time, by the layers after the trunk."""
    found = drafted(make("a.gguf", nextn_predict_layers=1))
    assert (2, "", ()) == (found.serving.may_draft, found.serving.draft_model, found.notes)
    assert 0 == drafted(make("b.gguf")).serving.may_draft


@pytest.mark.parametrize(
    ("architecture", "build", "drafted_tokens"),
    [
        ("step35", None, 2),
        ("step35", 11_549, 2),
        ("step35", 11_000, 0),
        ("glm4moe", 11_000, 2),
        ("bailingmoe2", None, 0),
    ],
)
def test_layers_draft_where_the_build_runs_them(
    make: Make, architecture: str, build: int | None, drafted_tokens: int
) -> None:
    """Of an architecture whose layers it passes over, to ask for them would end the engine."""
    header = make("a.gguf", architecture=architecture, nextn_predict_layers=1)
    found = drafted(header, serving=replace(ONE, build=build)).serving
    assert drafted_tokens == found.may_draft


def test_a_small_model_drafts(make: Make, tmp_path: Path) -> None:
    """Three tokens at a time, and its shape is counted."""
    large = make("a.gguf", width=6400)
    make("small.gguf", layers=1, block_count=1)
    found = drafted(large, replace(PROFILE, draft=str(tmp_path / "small.gguf")))
    assert found.draft is not None
    assert (3, 1) == (found.serving.may_draft, len(found.draft.layers))


def test_a_small_model_on_a_hub_drafts_too(make: Make) -> None:
    """By the header that is known of it; where nothing is, the note says how to get it."""
    large, small = make("a.gguf", width=6400), make("small.gguf", layers=1, block_count=1)
    hub = replace(PROFILE, draft="hf:o/small-GGUF/small.gguf")

    def opened(reference: object) -> ModelHeader:
        assert HubReference("o/small-GGUF", "small.gguf") == reference
        return small

    found = drafting.with_drafting(hub, large, ONE, opened)
    assert (3, "hf:o/small-GGUF/small.gguf", ()) == (found.serving.may_draft, found.serving.draft_model, found.notes)

    def unknown(reference: object) -> ModelHeader:
        raise HubUnreachable(f"{reference} is not known")

    (note,) = drafting.with_drafting(hub, large, ONE, unknown).notes
    assert "small.gguf drafts nothing: it is not on this machine, and no hub tells of it" == note


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ({"vocab_size": 900}, "another vocabulary"),
        ({"width": 4000}, "too large"),
        ({"architecture": "newest"}, "not known"),
    ],
)
def test_a_small_model_that_does_not_suit_is_left_out(
    make: Make, tmp_path: Path, numbers: Mapping[str, int], why: str
) -> None:
    """With a sentence that says why."""
    large = make("a.gguf", width=6400)
    make("small.gguf", layers=1, block_count=1, **numbers)
    found = drafted(large, replace(PROFILE, draft=str(tmp_path / "small.gguf")))
    assert 0 == found.serving.may_draft
    assert why in found.notes[0]
    assert "cannot be read" in drafted(large, replace(PROFILE, draft="/not/here.gguf")).notes[0]


@pytest.mark.parametrize(
    ("profile", "serving", "why"),
    [
        (PROFILE, replace(ONE, slots=4), "4 slots"),
        (PROFILE, replace(ONE, cpu_experts=2), "on the CPU"),
        (PROFILE, replace(ONE, gpu_layers=2), "on the CPU"),
        (PROFILE, replace(ONE, embeddings=True), "embeddings"),
        (replace(PROFILE, draft="off"), ONE, None),
        (replace(PROFILE, args={"spec-type": "none"}), ONE, None),
        (replace(PROFILE, args={"md": "other.gguf"}), ONE, None),
    ],
)
def test_drafting_is_off_where_it_does_not_pay(make: Make, profile: Profile, serving: Serving, why: str | None) -> None:
    """The owner is told, unless it was his own word."""
    found = drafted(make("a.gguf", nextn_predict_layers=1), profile, serving)
    assert 0 == found.serving.may_draft
    assert (why is None) is (not found.notes)
    assert why is None or why in found.notes[0]


def test_layers_that_the_engine_cannot_run_draft_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """An architecture without them in llama.cpp, a file without their weights, a build that does not know the flag."""
    assert "does not run those" in drafted(make("a.gguf", architecture="llama", nextn_predict_layers=1)).notes[0]
    assert "does not run those" in drafted(make("b.gguf", layers=2, nextn_predict_layers=1)).notes[0]
    monkeypatch.setattr(drafting, "engine_drafting", lambda: frozenset({"draft-simple"}))
    assert "does not know --spec-type draft-mtp" in drafted(make("c.gguf", nextn_predict_layers=1)).notes[0]
