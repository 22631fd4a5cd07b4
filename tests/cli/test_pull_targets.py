"""Names become references; a profile becomes the variant that a plan would load."""

from pathlib import Path

import pytest

from hostd.cli.exits import VerbError
from hostd.cli.pull_targets import NothingToPull, PullTarget, PullTargets
from hostd.domain.profile import Capabilities, Profile, Settings, Variant
from hostd.models.reference import FileReference, HubReference, OllamaReference

GGUF = Variant("llamacpp", hf="owner/m-GGUF", file="m.gguf")
MLX = Variant("mlx", hf="owner/m-4bit")
TAG = Variant("ollama", tag="m:9b")
CLOUD = Variant("cloud", provider="anthropic", model="m")
ADOPTED = Variant("ollama", tag="m:9b", url="http://127.0.0.1:11434")


def targets(
    *variants: Variant,
    best: str | None = None,
    number: int | None = None,
    every: bool = False,
    vision: bool | None = None,
) -> PullTargets:
    """Return the resolver for one profile, ``m``, also called ``fast``, on a host that runs llama.cpp and Ollama."""
    profile = Profile("m", variants, aliases=("fast",), capabilities=Capabilities(vision=vision))
    settings = Settings(profiles={"m": profile} if variants else {})
    return PullTargets(settings, frozenset({"llamacpp", "ollama"}), lambda _: best, number, every)


def test_references_are_themselves() -> None:
    """What they name is what is fetched."""
    assert [PullTarget("hf:owner/a", HubReference("owner/a"))] == targets().of("hf:owner/a")
    assert [PullTarget("ollama:m:9b", OllamaReference("m", "9b"))] == targets().of("ollama:m:9b")


@pytest.mark.parametrize("name", ["m", "fast"])
def test_a_profile_is_its_best_variant(name: str) -> None:
    """The one that a plan names; without a plan the first whose engine is known here, or else the first."""
    assert [PullTarget("m", OllamaReference("m", "9b"))] == targets(MLX, GGUF, TAG, best="ollama:m:9b").of(name)
    assert [PullTarget("m", HubReference("owner/m-GGUF", "m.gguf"))] == targets(MLX, GGUF, TAG).of(name)
    assert [PullTarget("m", HubReference("owner/m-4bit"))] == targets(MLX, CLOUD, best=MLX.label).of(name)


def test_a_variant_that_is_a_file_here_needs_nothing(tmp_path: Path) -> None:
    """As long as it is there."""
    own = Variant("llamacpp", path=str(tmp_path / "own.gguf"))
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    assert [] == targets(own, GGUF, best=own.label).of("m")
    (tmp_path / "own.gguf").unlink()
    assert [PullTarget("m", HubReference("owner/m-GGUF", "m.gguf"))] == targets(own, GGUF, best=own.label).of("m")


@pytest.mark.parametrize(
    ("variants", "references"),
    [
        ((GGUF,), (HubReference("owner/m-GGUF", "m.gguf"), HubReference("owner/d-GGUF"))),
        ((MLX,), (HubReference("owner/m-4bit"),)),
        ((Variant("llamacpp", path="/m.gguf"),), (HubReference("owner/d-GGUF"),)),
    ],
)
def test_what_drafts_comes_along(variants: tuple[Variant, ...], references: tuple[HubReference, ...]) -> None:
    """With llama.cpp, which alone uses it; also where the model itself is a file here."""
    profile = Profile("m", variants, draft="hf:owner/d-GGUF")
    found = PullTargets(Settings(profiles={"m": profile}), frozenset({"llamacpp"}), lambda _: None)
    assert references == tuple(target.reference for target in found.of("m"))
    assert references[-1] == found.references("m")[-1]


def test_one_variant_or_all_can_be_asked_for() -> None:
    """By its number, from one; all are those that are on a hub."""
    assert [PullTarget("m", HubReference("owner/m-4bit"))] == targets(GGUF, MLX, number=2).of("m")
    assert 3 == len(targets(GGUF, CLOUD, MLX, TAG, every=True).of("m"))


def test_a_profile_that_sees_wants_its_projector() -> None:
    """Where its owner says that it does."""
    assert [True] == [target.projector for target in targets(GGUF, vision=True).of("m")]
    assert [None] == [target.projector for target in targets(GGUF).of("m")]


def test_nothing_named_is_everything_declared() -> None:
    """What is named twice is meant once."""
    assert ["m"] == targets(TAG, CLOUD).names([])
    assert ["a", "b"] == targets(TAG).names(["a", "b", "a"])


@pytest.mark.parametrize("variant", [CLOUD, ADOPTED, Variant("llamacpp", path="/gone.gguf")])
def test_other_programs_weights_and_own_files_are_not_fetched(variant: Variant) -> None:
    """A server that runs already has its own store."""
    with pytest.raises(NothingToPull, match="only files of this machine or servers that other programs run"):
        targets(variant).of("m")
    assert [PullTarget("m", HubReference("owner/m-GGUF", "m.gguf"))] == targets(variant, GGUF).of("m")


def test_other_variants_are_known_by_number() -> None:
    """Those that could be fetched instead of one that is not there."""
    asked = targets(CLOUD, GGUF, MLX, ADOPTED, TAG)
    (first,) = asked.of("m")
    assert [(3, HubReference("owner/m-4bit")), (5, OllamaReference("m", "9b"))] == [
        (number, other.reference) for number, other in asked.others(first)
    ]
    assert [] == list(asked.others(PullTarget("hf:owner/a", HubReference("owner/a"))))


@pytest.mark.parametrize(
    ("asked", "text", "code", "said"),
    [
        (targets(GGUF), "fasst", 5, "no profile and no file"),
        (targets(GGUF), "hf:", 5, "no repository"),
        (targets(GGUF), "/tmp", 2, "nothing to pull"),
        (targets(CLOUD), "m", 2, "names no weights on a hub"),
        (targets(GGUF, number=2), "m", 2, "has 1 variants"),
        (targets(CLOUD, GGUF, number=1), "m", 2, "another program runs"),
        (targets(ADOPTED, GGUF, number=1), "m", 2, "another program runs"),
        (targets(number=1), "hf:owner/a", 2, "--variant and --all are for profiles"),
        (targets(every=True), "hf:owner/a", 2, "--variant and --all are for profiles"),
        (targets(Variant("mlx", hf="owner/../x")), "m", 1, "profile 'm'"),
    ],
)
def test_what_cannot_be_pulled(asked: PullTargets, text: str, code: int, said: str) -> None:
    """A sentence and the right exit code."""
    with pytest.raises(VerbError) as caught:
        asked.of(text)
    assert code == caught.value.code
    assert said in caught.value.message


def test_nothing_named_and_nothing_declared() -> None:
    """The sentence says what can be named."""
    with pytest.raises(VerbError, match="hf:REPO"):
        targets().names([])


def test_all_variants_of_a_profile_may_be_here(tmp_path: Path) -> None:
    """But those on servers of other programs; a file and a folder are themselves, and one variant can be asked for."""
    own = Variant("llamacpp", path=str(tmp_path / "own.gguf"))
    own_reference, hub = FileReference(tmp_path / "own.gguf"), HubReference("owner/m-GGUF", "m.gguf")
    assert [own_reference, hub] == targets(own, GGUF, CLOUD, ADOPTED).references("fast")
    assert [hub] == targets(own, GGUF, number=2).references("m")
    assert [FileReference(tmp_path)] == targets().references(str(tmp_path))
    for asked, text, code in (
        (targets(GGUF), "fasst", 5),
        (targets(GGUF, number=2), "m", 2),
        (targets(number=1), "hf:o/a", 2),
    ):
        with pytest.raises(VerbError) as caught:
            asked.references(text)
        assert code == caught.value.code
