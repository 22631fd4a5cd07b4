"""The beginnings of sentences have gaps for what their decisions hold, and for nothing else."""

from string import Formatter

import pytest

from hostd.scheduling.decisions import Decision
from hostd.telemetry.decision_leads import lead
from hostd.telemetry.decision_text import numbers
from tests.telemetry.example_decisions import EXAMPLES


@pytest.mark.parametrize("decision", EXAMPLES, ids=lambda decision: str(decision.event))
def test_each_gap_can_be_filled(decision: Decision) -> None:
    """By the decision's model or by one of its numbers."""
    gaps = {name for _, name, _, _ in Formatter().parse(lead(decision)) if name is not None}
    assert gaps <= {"model", *numbers(decision)}
