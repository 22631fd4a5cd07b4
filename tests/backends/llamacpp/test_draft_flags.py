"""llama-server's flags for speculative decoding."""

from typing import Any

import pytest

from hostd.backends.llamacpp.build import LAUNCHER
from hostd.backends.llamacpp.draft_flags import draft_words, drafting, known_kinds, owner_drafts


@pytest.mark.parametrize(
    ("given", "build", "found"),
    [
        ({"kinds": "draft-mtp"}, None, (3, 0, 3)),
        ({"kinds": "draft-mtp", "most": 2}, None, (2, 0, 2)),
        ({"kinds": "draft-mtp,ngram-mod", "most": 2}, None, (2, 64, 2)),
        ({"kinds": "ngram-simple"}, None, (0, 64, None)),
        ({"kinds": "draft-simple", "draft_model": "d"}, None, (0, 3, None)),
        ({"draft_model": "d"}, 8_000, (0, 16, None)),
        ({"kinds": "draft-eagle3", "draft_model": "d", "most": 4}, None, (0, 4, 4)),
        ({"kinds": "draft-mtp", "draft_model": "d"}, None, (0, 3, 3)),
        ({"kinds": "ngram-mod", "ngrams": 24}, None, (0, 24, None)),
        ({"ngrams_by_default": True}, None, (0, 64, None)),
        ({"kinds": "none"}, None, (0, 0, None)),
        ({}, None, (0, 0, None)),
    ],
)
def test_what_drafts_decides_what_is_kept(
    given: dict[str, Any], build: int | None, found: tuple[int, int, int | None]
) -> None:
    """Tokens of the own layers, tokens that others have verified, and steps that states are taken back."""
    fields = drafting(dict(given), build, set())
    assert found == (fields["draft"], fields["verified"], fields.get("rollback"))


def test_a_kind_that_is_not_known_is_named() -> None:
    """What it takes is not."""
    unreckoned = set[str]()
    drafting({"kinds": "draft-mtp,draft-newest"}, None, unreckoned)
    assert {"spec-type"} == unreckoned


def test_every_flag_for_drafting_is_the_owners_choice() -> None:
    """So that hostd adds none that contradicts it."""
    assert owner_drafts(["spec-default"])
    assert owner_drafts(["flash-attn", "md"])
    assert owner_drafts(["spec-ngram-mod-n-max"])
    assert not owner_drafts(["flash-attn", "special"])


def test_drafting_is_turned_on_by_flags() -> None:
    """By the model's own layers, or by the file of another model."""
    assert "--spec-type draft-mtp --spec-draft-n-max 2" == " ".join(draft_words("auto"))
    assert "--spec-type draft-simple --spec-draft-n-max 3 --spec-draft-model /d.gguf" == " ".join(
        draft_words("/d.gguf")
    )


def test_a_build_is_known_by_its_help() -> None:
    """Hostd's launcher has all kinds, an older build none."""
    assert {"draft-mtp", "draft-simple"} == known_kinds((str(LAUNCHER),), "")
    assert {"draft-simple"} == known_kinds(("llama-server",), "--spec-type none,draft-simple,ngram-mod")
    assert frozenset() == known_kinds(("llama-server",), "--model-draft FNAME")


def test_fields_of_no_serving_are_taken_out() -> None:
    """What stays are a serving's own."""
    fields = {"kinds": "draft-mtp", "most": 2, "draft_device": "none", "drafter.gpu_layers": -2, "slots": 1}
    assert not drafting(fields, None, set())["drafter"].on_gpu
    assert {"slots": 1} == fields
