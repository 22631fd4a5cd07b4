"""Traces: requests with their times, models and lengths, without any content."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """A request for *model*, *at* seconds after the trace begins; lengths in tokens.

    One of a *session* ("": of none) begins with the prompt and the answer of the one before it.
    """

    at: float
    model: str
    prompt_tokens: int
    output_tokens: int
    session: str = ""


def read_rows(rows: Iterable[Row]) -> Iterator[TraceRequest]:
    """Yield the requests that *rows* describe, by time, counted from the first.

    A row has `at` in seconds on any clock, `model`, `prompt_tokens` and `output_tokens` (either may be missing or empty: 0), and
    may have a `session`; what else it has is ignored. All rows are read first, since records are written when a request
    ends.

    Raises:
        ValueError: A row makes no sense; the message counts rows from 1.
    """
    requests = sorted((_request(row, number) for number, row in enumerate(rows, 1)), key=lambda each: each.at)
    begin = requests[0].at if requests else 0.0
    for each in requests:
        yield replace(each, at=each.at - begin)


def row_of(request: TraceRequest) -> dict[str, object]:
    """Return the row from which `read_rows` makes this request."""
    row = {
        "at": round(request.at, 3),
        "model": request.model,
        "prompt_tokens": request.prompt_tokens,
        "output_tokens": request.output_tokens,
    }
    return row | ({"session": request.session} if request.session else {})


def _request(row: Row, number: int) -> TraceRequest:
    model = row.get("model")
    if not isinstance(model, str) or not model:
        raise ValueError(f"row {number} names no model; each row needs at, model, prompt_tokens and output_tokens")
    at = _number(row, "at", number)
    prompt, output = (int(_number(row, key, number)) for key in ("prompt_tokens", "output_tokens"))
    return TraceRequest(at, model, prompt, output, str(row.get("session") or ""))


def _number(row: Row, key: str, number: int) -> float:
    given = row.get(key)
    if given in (None, "") and key != "at":
        return 0.0
    try:
        found = float(str(given))
    except ValueError:
        found = -1.0
    if not 0.0 <= found < 1e15:
        raise ValueError(f"row {number} has {given!r} as {key}, which is no number from 0 up")
    return found
