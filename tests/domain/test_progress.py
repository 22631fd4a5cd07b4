"""Progress is shown in tokens."""

import pytest

from hostd.domain.progress import EngineProgress, PromptProgress, SlotProgress


@pytest.mark.parametrize(
    ("read", "total", "shown"), [(6800, 20000, "6800 of 20000 tokens (34 %)"), (0, 0, "0 of 0 tokens (0 %)")]
)
def test_a_share_is_shown(read: int, total: int, shown: str) -> None:
    """In tokens and percent, also of an empty prompt."""
    assert shown == str(PromptProgress(read, total))


def test_a_prompt_is_complete_once_all_of_it_was_read() -> None:
    """What was cached counts as read."""
    assert (False, True) == (PromptProgress(4, 5).complete, PromptProgress(5, 5).complete)


def test_a_server_is_idle_without_requests() -> None:
    """One that waits for a slot is work as well."""
    busy = (EngineProgress((SlotProgress(0),)), EngineProgress(waiting=1))
    assert [True, False, False] == [report.is_idle for report in (EngineProgress(steps=9.0), *busy)]
