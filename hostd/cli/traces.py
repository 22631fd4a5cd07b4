"""Traces read from and written to files: JSON lines, CSV, and the daemon's records."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hostd import simulation
from hostd.cli.exits import Code, VerbError
from hostd.paths import records_file
from hostd.simulation.generators import GENERATORS
from hostd.simulation.public_trace import PUBLIC_TRACES
from hostd.simulation.trace import TraceRequest, read_rows, row_of
from hostd.telemetry.history import RequestHistory

RECORDED = "recorded"
_SHIPPED = Path(simulation.__file__).parent / "traces"
_SQLITE = b"SQLite format 3\0"


def read_trace(source: str) -> list[TraceRequest]:
    """Return the requests in *source*: ``recorded`` for those of this machine's daemon, or a file.

    Raises:
        VerbError: There is no such file, or it makes no sense (exit code 2), or nothing has been recorded yet (1).
    """
    path = records_file() if source == RECORDED else Path(source)
    if source == RECORDED or _begins(path, source).startswith(_SQLITE):
        rows: Iterable[Mapping[str, object]] = _recorded(path)
    else:
        rows = _rows(path)
    try:
        requests = list(read_rows(rows))
    except (ValueError, csv.Error) as error:
        raise VerbError(f"{source}: {error}", Code.USAGE) from error
    if not requests:
        raise VerbError(f"{path} holds no requests yet; try a made-up trace, such as: hostd simulate steady")
    return requests


def shipped_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a public trace that ships with hostd, one of `PUBLIC_TRACES`."""
    with (_SHIPPED / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_trace(requests: Iterable[TraceRequest], path: Path) -> int:
    """Write *requests* as JSON lines; return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for request in requests:
            count += 1
            file.write(f"{json.dumps(row_of(request))}\n")
    return count


def _begins(path: Path, source: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE))
    except OSError as error:
        raise VerbError(
            f"{source!r} is neither a kind of trace nor a file that can be read ({error.strerror}); "
            f"there are {', '.join((*GENERATORS, *PUBLIC_TRACES))} and {RECORDED}",
            Code.USAGE,
        ) from error


def _recorded(path: Path) -> Iterator[Mapping[str, object]]:
    for each in RequestHistory(path).requests():
        yield {
            "at": each.at,
            "model": each.asked,
            "prompt_tokens": each.prompt_tokens,
            "output_tokens": each.output_tokens,
            "session": each.session,
        }


def _rows(path: Path) -> Iterator[Mapping[str, object]]:
    with path.open(encoding="utf-8", newline="") as file:
        first = file.readline()
        file.seek(0)
        if not first.lstrip().startswith("{"):
            yield from csv.DictReader(file)
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _object(line, number)


def _object(line: str, number: int) -> Mapping[str, object]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is no JSON object")  # noqa: TRY004 - the file is at fault, like any other line of it
    return row
