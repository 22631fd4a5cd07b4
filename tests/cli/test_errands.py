"""Words become references; a profile becomes the variant that a plan would have served."""

from pathlib import Path

import pytest

from hostd.cli.errands import Errand, Errands
from hostd.cli.exits import VerbError
from hostd.domain.profile import Capabilities, Profile, Settings, Variant
from hostd.library.reference import HubReference, OllamaReference

GGUF = Variant("llamacpp", hf="owner/m-GGUF", file="m.gguf")
MLX = Variant("mlx", hf="owner/m-4bit")
TAG = Variant("ollama", tag="m:9b")
CLOUD = Variant("cloud", provider="anthropic", model="m")


def errands(
    *variants: Variant,
    best: str | None = None,
    number: int | None = None,
    every: bool = False,
    vision: bool | None = None,
) -> Errands:
    """Return errands for one profile, ``m``, also called ``fast``, on a machine that runs llama.cpp and Ollama."""
    profile = Profile("m", variants, aliases=("fast",), capabilities=Capabilities(vision=vision))
    settings = Settings(profiles={"m": profile} if variants else {})
    return Errands(settings, frozenset({"llamacpp", "ollama"}), lambda _: best, number, every)


def test_references_are_themselves() -> None:
    """Twice the same is once."""
    found = errands().of(["hf:owner/a", "ollama:m:9b", "hf:owner/a"])
    assert [Errand("hf:owner/a", HubReference("owner/a")), Errand("ollama:m:9b", OllamaReference("m", "9b"))] == found


@pytest.mark.parametrize("name", ["m", "fast"])
def test_a_profile_is_its_best_variant(name: str) -> None:
    """The one that a plan names; without a plan the first whose engine is known here, or else the first."""
    assert [Errand("m", OllamaReference("m", "9b"))] == errands(MLX, GGUF, TAG, best="ollama:m:9b").of([name])
    assert [Errand("m", HubReference("owner/m-GGUF", "m.gguf"))] == errands(MLX, GGUF, TAG).of([name])
    assert [Errand("m", HubReference("owner/m-4bit"))] == errands(MLX, CLOUD, best=MLX.label).of([name])


def test_a_variant_that_is_a_file_here_needs_nothing(tmp_path: Path) -> None:
    """As long as it is there."""
    own = Variant("llamacpp", path=str(tmp_path / "own.gguf"))
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    assert [] == errands(own, GGUF, best=own.label).of(["m"])
    (tmp_path / "own.gguf").unlink()
    assert [Errand("m", HubReference("owner/m-GGUF", "m.gguf"))] == errands(own, GGUF, best=own.label).of(["m"])


def test_one_variant_or_all_can_be_asked_for() -> None:
    """By its number, from one; all are those that are on a hub."""
    assert [Errand("m", HubReference("owner/m-4bit"))] == errands(GGUF, MLX, number=2).of(["m"])
    assert 3 == len(errands(GGUF, CLOUD, MLX, TAG, every=True).of(["m"]))


def test_a_profile_that_sees_wants_its_projector() -> None:
    """Where its owner says that it does."""
    assert [True] == [errand.projector for errand in errands(GGUF, vision=True).of(["m"])]
    assert [None] == [errand.projector for errand in errands(GGUF).of(["m"])]


def test_nothing_named_is_everything_declared() -> None:
    """Profiles that are on no hub are passed over."""
    assert [Errand("m", OllamaReference("m", "9b"))] == errands(TAG, CLOUD).of([])
    assert [] == errands(CLOUD).of([])


@pytest.mark.parametrize(
    ("asked", "text", "code", "said"),
    [
        (errands(GGUF), "fasst", 5, "no profile and no file"),
        (errands(GGUF), "hf:", 5, "no repository"),
        (errands(GGUF), "/tmp", 2, "nothing to pull"),
        (errands(CLOUD), "m", 2, "names no model on a hub"),
        (errands(GGUF, number=2), "m", 2, "has 1 variants"),
        (errands(CLOUD, GGUF, number=1), "m", 2, "is on no hub"),
        (errands(number=1), "hf:owner/a", 2, "--variant and --all are for profiles"),
        (errands(every=True), "hf:owner/a", 2, "--variant and --all are for profiles"),
        (errands(Variant("mlx", hf="owner/../x")), "m", 1, "profile 'm'"),
    ],
)
def test_what_cannot_be_pulled(asked: Errands, text: str, code: int, said: str) -> None:
    """A sentence and the right exit code."""
    with pytest.raises(VerbError) as caught:
        asked.of([text])
    assert code == caught.value.code
    assert said in caught.value.message


def test_nothing_named_and_nothing_declared() -> None:
    """The sentence says what can be named."""
    with pytest.raises(VerbError, match="hf:REPO"):
        errands().of([])
