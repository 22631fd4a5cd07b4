"""One way to read the tables of last words."""

import pytest

from hostd.backends.exit_patterns import ExitPatterns
from hostd.domain.reason import ExitClass

SAID = ExitPatterns(
    (ExitClass.PORT_TAKEN, r"address already in use"),
    (ExitClass.OUT_OF_MEMORY, r"out of memory"),
    (ExitClass.DRIVER, r"CUDA error"),
)


@pytest.mark.parametrize(
    ("status", "tail", "expected"),
    [
        (1, ("CUDA error: Out Of Memory",), ExitClass.OUT_OF_MEMORY),
        (1, ("CUDA error 999", "all is lost"), ExitClass.DRIVER),
        (0, ("out of memory",), ExitClass.UNKNOWN),
        (-9, ("CUDA error 999",), ExitClass.UNKNOWN),
        (-9, ("out of memory",), ExitClass.OUT_OF_MEMORY),
        (70, ("goodbye",), ExitClass.UNKNOWN),
    ],
)
def test_the_first_row_that_matches_any_line_wins(status: int, tail: tuple[str, ...], expected: ExitClass) -> None:
    """Case does not matter, an end in good order says nothing, and a kill nothing but that memory ran out."""
    assert expected is SAID.classify(status, tail)
