"""One chat request and its answer, read from the stream as it arrives."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hostd.cli.agents.model_choice import talks
from hostd.cli.client import Client, Reply
from hostd.cli.exits import VerbError
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai.errors import of_stream
from hostd.dialects.openai.events import error_in

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A whole answer: *model* gave it, by *route* (``primary`` or ``fallback:REASON``); *usage* counts tokens."""

    model: str
    route: str
    content: str
    usage: Mapping[str, int] | None


def ask(
    client: Client,
    model: str,
    messages: Sequence[Message],
    *,
    on_begin: Callable[[str, str], None],
    on_text: Callable[[str], None],
) -> ChatReply:
    """Send *messages* to *model* and return the answer.

    *on_begin* is called with the model that answers and its route, *on_text* with each piece of text as it arrives.

    Raises:
        VerbError: The daemon refused, the stream holds an error, or it ended before it was complete.
    """
    body = {"model": model, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    with client.request("POST", "/v1/chat/completions", body) as reply:
        answered_by = reply.headers.get("x-hostd-model") or model
        route = reply.headers.get("x-hostd-route") or "primary"
        on_begin(answered_by, route)
        pieces, usage = [], None
        for chunk in _chunks(reply):
            usage = chunk.get("usage") or usage
            text = "".join((choice.get("delta") or {}).get("content") or "" for choice in chunk.get("choices") or ())
            if text:
                pieces.append(text)
                on_text(text)
    return ChatReply(answered_by, route, "".join(pieces), usage)


def first_chat_model(client: Client) -> str:
    """Return the first model that can chat.

    Raises:
        VerbError: There is none.
    """
    for model in client.get("/hostd/v1/models")["models"]:
        if talks(model):
            return str(model["name"])
    raise VerbError("this host has no model to chat with; add a profile and check it with: hostd config check")


def _chunks(reply: Reply) -> Iterator[dict[str, Any]]:
    for line in reply.lines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        try:
            chunk = parse_json(data.encode())
        except JsonError:
            break
        if (said := error_in(chunk)) is not None:
            raise VerbError(f"the answer broke off: {of_stream(said).message}")
        if isinstance(chunk, dict):
            yield chunk
    raise VerbError("the answer ended before it was complete; see what happened with: hostd ps")
