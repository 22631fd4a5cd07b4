"""A response that is kept, told once more as the events of a stream."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from hostd.dialects.from_chat.answer import CallPiece, Piece
from hostd.dialects.openai.responses_output import ResponseItems, numbered

Json = dict[str, Any]

_PREFIX = "resp_"


def replayed(response: Json, starting_after: int) -> bytes:
    """Return the events of *response* that come after the one of number *starting_after* (-1: all of them).

    What came in pieces comes in one; the last event has the response itself.
    """
    status = str(response.get("status"))
    items = ResponseItems(str(response.get("id")).removeprefix(_PREFIX), seals=False)
    begun = response | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    told: Iterator[Json] = chain(
        ({"type": f"response.{what}", "response": begun} for what in ("created", "in_progress")),
        (event for piece in _pieces(response) for event in items.add(piece)),
        items.close(status),
        ({"type": f"response.{status}", "response": response} for _ in range(1)),
    )
    return numbered(told, starting_after + 1)


def _pieces(response: Json) -> Iterator[Piece]:
    for number, item in enumerate(response.get("output") or ()):
        if item.get("type") == "function_call":
            call = CallPiece(number, str(item.get("call_id")), str(item.get("name")), str(item.get("arguments") or ""))
            yield Piece(calls=(call,))
        for part in item.get("content") or ():
            kind = part.get("type")
            if kind == "reasoning_text":
                yield Piece(reasoning=str(part.get("text")))
            elif kind == "output_text":
                yield Piece(text=str(part.get("text")))
            elif kind == "refusal":
                yield Piece(refusal=str(part.get("refusal")))
