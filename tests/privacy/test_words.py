"""The owner's words are found in any case and spelling of their gaps."""

import pytest

from hostd.domain.private_data import DataKind
from tests.privacy.finding import found_everywhere


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DataKind.WORD, "Project Falcon"),
        (DataKind.WORD, "PROJECT-FALCON"),
        (DataKind.WORD, "ängström"),
    ],
)
def test_it_is_found_exactly_wherever_it_stands(kind: DataKind, text: str) -> None:
    """Within a sentence, alone, in brackets, and on a line of its own."""
    assert found_everywhere(text) == {kind}
