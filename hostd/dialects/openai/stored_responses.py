"""What of a response is kept for its client: the items that it was asked with, and the response itself.

A conversation is a chain of responses: of each, its own input and then its output. Instructions belong to one response alone.
Source: https://platform.openai.com/docs/api-reference/responses, `previous_response_id` and `input_items`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hostd.dialects.from_chat.shapes import bad
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError

Json = dict[str, Any]

PREVIOUS = "previous_response_id"
LONGEST_ID = 256
_REFERENCE = "item_reference"
_MOST, _DIGITS = 100, 9
_PREFIXES = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}
_ENDS = (b"event: response.completed\ndata: ", b"event: response.incomplete\ndata: ")
_encode = msgspec.json.Encoder().encode


def previous_of(document: RequestDocument) -> str:
    """Return the response that *document* goes on from; empty where it begins.

    Raises:
        RequestError: What it names is no text.
    """
    given = document.short_text(PREVIOUS, LONGEST_ID)
    if given is not None and not isinstance(given, str):
        raise bad(PREVIOUS, "a text")
    return given or ""


def references_in(document: RequestDocument) -> list[str]:
    """Return the ids of earlier items that the input of *document* refers to instead of repeating them."""
    # Nothing is decoded where the word does not occur.
    if _REFERENCE.encode() not in (document.raw("input") or b""):
        return []
    given = document["input"]
    items = given if isinstance(given, list) else []
    return [item["id"] for item in items if _refers(item)]


def continued(document: RequestDocument, earlier: Sequence[bytes], items: Mapping[str, Json]) -> RequestDocument:
    """Return *document* as it would be without a store: after what was said *earlier* (lists of items, as JSON).

    *items* has those that it refers to.

    Raises:
        RequestError: An item is not there.
    """
    given = document.get("input")
    own: list[Any] = [given] if isinstance(given, str) else list(given) if isinstance(given, list) else []
    own = [{"role": "user", "content": each} if isinstance(each, str) else _resolved(each, items) for each in own]
    said = [item for each in earlier for item in msgspec.json.decode(each, type=list[msgspec.Raw])]
    return document.replace({"input": [*said, *own]}, without=(PREVIOUS,))


def input_items(document: RequestDocument, response_id: str) -> list[Json]:
    """Return the input of *document*, which has been read, as items with ids of their own."""
    given = document.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list):
        return []
    return [_whole_item(item, f"{response_id}_in{at}") for at, item in enumerate(items) if isinstance(item, dict)]


def final_response(events: bytes) -> bytes | None:
    """Return the response object with which a stream ended whose last *events* these are; None where it did not end well."""
    for mark in _ENDS:
        start = events.rfind(mark)
        if start >= 0:
            end = events.find(b"\n\n", start)
            try:
                told = parse_json(events[start + len(mark) : end])
            except JsonError:
                return None
            return _encode(told["response"])
    return None


def output_of(response: bytes) -> list[Json]:
    """Return the items of a *response* object."""
    output = parse_json(response).get("output")
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []


def page_of(items: Sequence[Json], query: Mapping[str, str]) -> Json:
    """Return those of *items* that a list is asked for with *query*: ``limit`` (20), ``order`` (``desc``), and ``after`` an id.

    Raises:
        RequestError: One of them makes no sense.
    """
    order, limit, after = query.get("order", "desc"), query.get("limit", "20"), query.get("after")
    if order not in ("asc", "desc"):
        raise bad("order", "asc or desc")
    if not limit.isdecimal():
        raise bad("limit", "a whole number from 1 to 100")
    ordered = list(items) if order == "asc" else list(reversed(items))
    if after is not None:
        at = next((at for at, item in enumerate(ordered) if item.get("id") == after), None)
        if at is None:
            raise bad("after", "the id of an item of this list")
        ordered = ordered[at + 1 :]
    shown = ordered[: max(1, min(int(limit[:_DIGITS]), _MOST))]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return {"object": "list", "data": shown, "has_more": len(shown) < len(ordered), **ends}


def _refers(item: object) -> bool:
    return isinstance(item, dict) and item.get("type") == _REFERENCE and isinstance(item.get("id"), str)


def _resolved(item: object, items: Mapping[str, Json]) -> object:
    if not isinstance(item, dict) or not _refers(item):
        return item
    if item["id"] not in items:
        raise RequestError(
            f"there is no item '{item['id'][:LONGEST_ID]}' any more; send the item itself",
            code="not_stored",
            param="input",
        )
    return items[item["id"]]


def _whole_item(item: Json, own_id: str) -> Json:
    kind = item.get("type") or "message"
    whole = {"id": f"{_PREFIXES.get(str(kind), 'item')}_{own_id}", "type": kind} | item
    if kind == "message":
        whole.setdefault("status", "completed")
        if isinstance(text := item.get("content"), str):
            part = "output_text" if item.get("role") == "assistant" else "input_text"
            more: Json = {"annotations": [], "logprobs": []} if part == "output_text" else {}
            whole["content"] = [{"type": part, "text": text, **more}]
    return whole
