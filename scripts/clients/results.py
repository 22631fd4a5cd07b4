"""The table of what was run: on the screen, in tests/data/clients.json, and, made of that file, in the README."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.journeys.vendor_suites import Outcome

FILE = Path(__file__).resolve().parents[2] / "tests/data/clients.json"


@dataclass(frozen=True)
class Result:
    """One line: what was run of which client, and what came of it."""

    client: str
    suite: str
    version: str
    passed: int
    failed: int
    skipped: int
    why: str

    @classmethod
    def of(cls, about: tuple[str, str, str], outcome: Outcome, without: str = "") -> "Result":
        """Return the line *about* a client, a suite and a version."""
        note = outcome.why or (f"without {without}" if without else "")
        return cls(*about, outcome.passed, outcome.failed, outcome.skipped, note)


def table(results: Sequence[Result]) -> str:
    """Return *results* in columns."""
    rows = [("client", "suite", "version", "passed", "failed", "skipped", "why")]
    rows += [(each.client, each.suite, each.version, *map(str, _counts(each)), each.why) for each in results]
    widths = [min(60, max(map(len, column))) for column in list(zip(*rows, strict=True))[:-1]]
    return "\n".join("  ".join((*map(str.ljust, row[:-1], widths), row[-1])).rstrip() for row in rows)


def markdown() -> str:
    """Return the README's table."""
    rows = [
        f"| {each.client} {each.version} | {each.suite} | {' | '.join(map(str, _counts(each)))} | {each.why} |"
        for each in read()
    ]
    return "\n".join(("| client | what was run | passed | failed | skipped | |", "|---|---|---|---|---|---|", *rows))


def read() -> list[Result]:
    """Return what was run last, of everything."""
    return [Result(**row) for row in json.loads(FILE.read_text("utf-8"))] if FILE.exists() else []


def write(results: Iterable[Result]) -> None:
    """Put *results* in the place of those of the same suites."""
    known = {(each.client, each.suite): each for each in read()}
    known |= {(each.client, each.suite): each for each in results if each.passed or each.failed}
    rows = [json.dumps(asdict(each), ensure_ascii=False) for each in known.values()]
    FILE.write_text("[\n" + ",\n".join(rows) + "\n]\n", "utf-8")


def _counts(result: Result) -> tuple[int, int, int]:
    return result.passed, result.failed, result.skipped
