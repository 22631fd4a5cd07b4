"""What llama-server says of its slots is read, in any build's form."""

from typing import Any

import pytest

from hostd.backends.llamacpp.slots import parse
from hostd.domain.progress import EngineProgress, SlotProgress

IDLE = {"id": 1, "n_ctx": 8192, "speculative": False, "is_processing": False}


def busy(decoded: int, **more: int) -> dict[str, Any]:
    """Return a slot with a request."""
    return {"id": 0, "is_processing": True, "id_task": 1, "next_token": [{"n_decoded": decoded}], **more}


@pytest.mark.parametrize(
    ("slot", "seen"),
    [
        (busy(0), SlotProgress(0)),
        (busy(7), SlotProgress(7)),
        ({"is_processing": True, "next_token": {"n_decoded": 3}}, SlotProgress(3)),
        ({"is_processing": True, "next_token": []}, SlotProgress(0)),
        ({"is_processing": True, "next_token": None}, SlotProgress(0)),
        (busy(0, n_prompt_tokens=128, n_prompt_tokens_processed=64, n_prompt_tokens_cache=0), SlotProgress(0, 64, 64)),
        (
            busy(0, n_prompt_tokens=341, n_prompt_tokens_processed=300, n_prompt_tokens_cache=41),
            SlotProgress(0, 341, 0),
        ),
        (busy(9, n_prompt_tokens=350, n_prompt_tokens_processed=341), SlotProgress(9, 341, 0)),
    ],
)
def test_a_slot_is_read(slot: dict[str, Any], seen: SlotProgress) -> None:
    """Tokens decoded, read, and in the batch that is computed now, as far as the build says so."""
    assert EngineProgress((seen,)) == parse([slot, IDLE])


@pytest.mark.parametrize("found", [None, {}, "x", 7])
def test_anything_else_reports_nothing(found: object) -> None:
    """Such as an error."""
    assert parse(found) is None


def test_an_engine_without_requests_is_idle() -> None:
    """Its slots are empty."""
    assert parse([IDLE, IDLE]) == EngineProgress()
