"""``hostd.cli.traces``."""

from pathlib import Path

import pytest

from hostd.cli.exits import Code, VerbError
from hostd.cli.traces import RECORDED, read_trace, write_trace
from hostd.paths import records_file
from hostd.simulation.trace import TraceRequest
from hostd.telemetry.database import Database
from hostd.telemetry.sinks import RequestRecord as Recorded

REQUESTS = [TraceRequest(0.0, "a", 12, 3), TraceRequest(1.5, "b", 7, 0)]


def record(path: Path) -> None:
    """Write two requests as the daemon does; the later one is over first."""
    rest = ("a", "llamacpp", "primary", "answered", 200, "test", True, 0.0, 0.0, 0.1, 1.0)
    ledger = Database(path)
    ledger.write([Recorded("2", 1001.5, "b", *rest, 7, 0), Recorded("1", 1000.0, "a", *rest, 12, 3)])
    ledger.close()


def test_json_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Empty lines do not matter."""
    file = tmp_path / "trace.jsonl"
    assert 2 == write_trace(REQUESTS, file)
    file.write_text(file.read_text() + "\n\n")
    assert REQUESTS == read_trace(str(file))


def test_csv_has_a_header(tmp_path: Path) -> None:
    """Columns may come in any order, and others may be there."""
    file = tmp_path / "trace.csv"
    file.write_text("model,at,note,prompt_tokens,output_tokens\na,100,x,12,3\nb,101.5,y,7,\n")
    assert REQUESTS == read_trace(str(file))


def test_the_records_of_the_daemon_are_a_trace(
    tmp_path: Path, bare_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their own name where they usually are, or as a file; the model asked for counts, not the one that answered."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    record(records_file())
    assert REQUESTS == read_trace(RECORDED)
    assert REQUESTS == read_trace(str(records_file()))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{nonsense\n", "line 1 is no JSON: "),
        ('{"at": 1, "model": "a"}\n{"at"\n', "line 2 is no JSON: "),
        ('{"at": 1, "model": "a"}\n[]\n', "line 2 is no JSON object"),
        ("at,model\nnever,a\n", "row 1 has 'never' as at"),
    ],
)
def test_a_file_that_makes_no_sense_is_a_usage_error(text: str, complaint: str, tmp_path: Path) -> None:
    """The message names the file and the place."""
    file = tmp_path / "trace"
    file.write_text(text)
    with pytest.raises(VerbError, match=complaint) as caught:
        read_trace(str(file))
    assert Code.USAGE == caught.value.code
    assert str(file) in caught.value.message


def test_nothing_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is no file is told what there is; a daemon that recorded nothing yet is no mistake of the caller's."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with pytest.raises(VerbError, match="there are steady, bursts") as unknown:
        read_trace("stedy")
    assert Code.USAGE == unknown.value.code
    with pytest.raises(VerbError, match="holds no requests yet") as empty:
        read_trace(RECORDED)
    assert Code.FAILURE == empty.value.code
