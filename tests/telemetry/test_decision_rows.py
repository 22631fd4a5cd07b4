"""Decisions in the database."""

from contextlib import closing
from pathlib import Path

from hostd.scheduling.decisions import Refused
from hostd.telemetry.database import Database
from hostd.telemetry.decision_history import DecisionHistory
from hostd.telemetry.decision_rows import of_row, together
from hostd.telemetry.history import RequestHistory
from hostd.telemetry.sinks import DecisionRecord
from tests.telemetry.example_decisions import EXAMPLES, example


def test_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """Every kind, with its sentence and numbers, by model and by request; joined with what is remembered, each is told once."""
    path, records = tmp_path / "ledger.sqlite", list[DecisionRecord]()
    history = DecisionHistory(keep=records.append)
    for at, decision in enumerate(EXAMPLES):
        history.decided(decision, float(at))
    with closing(Database(path)) as database:
        database.write(records)
    later = RequestHistory(path)
    assert history.decisions(100) == later.decisions(100)
    assert history.decisions(3) == later.decisions(3)
    for name in ("m", "n", "small", "nobody"):
        assert history.decisions(100, model=name) == later.decisions(100, model=name)
    written = {told["decision"] for told in later.decisions(100, request="req_1")}
    assert {"routed", "charged"} == {told["decision"] for told in history.decisions(100, request="req_1")} - written
    assert [] == later.decisions(100, request="req")
    assert history.decisions(100) == together(later.decisions(100), history.decisions(100), 100)
    assert history.decisions(4) == together(later.decisions(100), history.decisions(2), 4)


def test_a_clients_own_id_is_found_after_a_restart(tmp_path: Path) -> None:
    """Ours behind it included, and none that only begins like it."""
    path = tmp_path / "ledger.sqlite"
    ids = ("abc", "abc/7f", "abcd", "abc0", "ab")
    with closing(Database(path)) as database:
        database.write([DecisionRecord(1.0, example(Refused, ticket_id=name)) for name in ids])
    assert ["abc", "abc/7f"] == [told["request"] for told in RequestHistory(path).decisions(9, request="abc")]


def test_reads_no_row_of_another_kind() -> None:
    """What another version has written otherwise is left out."""
    assert [None] * 4 == [of_row(text) for text in ("", "[]", '{"at": 1}', "[" * 100_000)]
