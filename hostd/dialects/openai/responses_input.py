"""The input of a Responses request as the messages of a chat completion.

Everything keeps its place, so that what an engine has read of one turn is the beginning of the next. Instructions at the front,
however many messages they come in, are one system message; later ones become marked text of the user's where they stand, since most
templates take a system message at the front only.

Source: https://platform.openai.com/docs/api-reference/responses/create, and the requests of Codex, OpenCode and the SDKs.
"""

from base64 import b64decode, b64encode
from typing import Any

from hostd.dialects.from_chat.shapes import bad, objects, optional_object, optional_text
from hostd.domain.errors import RequestError

Json = dict[str, Any]

_SPACE = "\n\n"
_MARK = "<system-reminder>\n{}\n</system-reminder>"
_ROLES = ("user", "assistant", "system", "developer")
_INSTRUCTIONS = ("system", "developer")
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_SEALED = "hostd:"
"""How thought begins that a client without a store keeps for us."""


def sealed(thought: str) -> str:
    """Return *thought* for ``encrypted_content``, in which clients that store nothing bring it back. It is no secret of theirs."""
    return _SEALED + b64encode(thought.encode("utf-8", "replace")).decode()


def messages_of(instructions: object, given: object) -> list[Json]:
    """Return what *instructions* and the input that was *given*, a text or items, say.

    Raises:
        RequestError: They have another shape, or name what only OpenAI has.
    """
    conversation = _Conversation()
    if text := optional_text(instructions, "instructions"):
        conversation.instruct(text)
    if isinstance(given, str):
        conversation.user([_text(given)])
    else:
        for at, item in enumerate(objects(given, "input")):
            conversation.add(item, f"input[{at}]")
    return conversation.messages()


class _Conversation:
    """Messages as they are put together: neighbours of one role are one message, as most templates need them."""

    def __init__(self) -> None:
        self._front: list[str] = []
        self._messages: list[Json] = []
        self._assistant: Json | None = None
        # What tools have shown: in a chat they say nothing but text, and the results of one turn stand together.
        self._shown: list[Json] = []

    def messages(self) -> list[Json]:
        """Return all messages."""
        self._show()
        front = [{"role": "system", "content": _SPACE.join(self._front)}] if self._front else []
        said = [_without_parts(message) for message in self._messages]
        # Engines refuse a conversation in which there is nothing to answer.
        return front + said if said else [*front, {"role": "user", "content": ""}]

    def add(self, item: Json, where: str) -> None:
        """Add what *item* says; kinds that only tools of OpenAI's own make say nothing to another model."""
        kind = item.get("type", "message" if "role" in item else None)
        if kind == "message":
            self._message(item, where)
        elif kind == "function_call":
            self._call(item, where)
        elif kind == "function_call_output":
            self._output(item, where)
        elif kind == "reasoning":
            self._reason(item, where)
        elif kind == "item_reference":
            raise RequestError(
                f"'{where}' refers to an item of an earlier response, and hostd stores none; send the item itself",
                code="not_stored",
                param=where,
            )
        elif not isinstance(kind, str):
            raise bad(f"{where}.type", "the name of a kind of item")

    def instruct(self, text: str) -> None:
        """Add instructions, at the front as long as nothing else has been said."""
        if self._messages:
            self.user([_text(_MARK.format(text))])
        else:
            self._front.append(text)

    def user(self, parts: list[Json]) -> None:
        """Add what the user says."""
        self._assistant = None
        if self._shown:
            parts, self._shown = [*self._shown, *parts], []
        if self._messages and self._messages[-1]["role"] == "user":
            self._messages[-1]["content"] += parts
        else:
            self._messages.append({"role": "user", "content": parts})

    def _message(self, item: Json, where: str) -> None:
        role = item.get("role")
        if role not in _ROLES:
            raise bad(f"{where}.role", "user, assistant, system or developer")
        parts = _parts(item.get("content"), f"{where}.content")
        if role == "user":
            self.user(parts)
            return
        text = _SPACE.join(part["text"] for part in parts if part["type"] == "text")
        if role in _INSTRUCTIONS:
            if text:
                self.instruct(text)
        else:
            message = self._answer()
            message["content"] = _joined(message["content"], text)

    def _reason(self, item: Json, where: str) -> None:
        thoughts = [
            *objects(item.get("content"), f"{where}.content"),
            *objects(item.get("summary"), f"{where}.summary"),
        ]
        text = _SPACE.join(optional_text(each.get("text"), f"{where}.text") for each in thoughts)
        text = text or _opened(item.get("encrypted_content"))
        if text:
            message = self._answer()
            message["reasoning_content"] = _joined(message.get("reasoning_content", ""), text)

    def _call(self, item: Json, where: str) -> None:
        name, call_id = item.get("name"), item.get("call_id")
        if not isinstance(name, str) or not isinstance(call_id, str):
            raise bad(where, "a call with 'name' and 'call_id'")
        arguments = optional_text(item.get("arguments"), f"{where}.arguments") or "{}"
        function = {"name": name, "arguments": arguments}
        self._answer().setdefault("tool_calls", []).append({"id": call_id, "type": "function", "function": function})

    def _output(self, item: Json, where: str) -> None:
        call_id = item.get("call_id")
        if not isinstance(call_id, str):
            raise bad(f"{where}.call_id", "the id of a call")
        parts = _parts(item.get("output"), f"{where}.output")
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        self._assistant = None
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": text})
        if pictures := [part for part in parts if part["type"] != "text"]:
            self._shown += [_text(f"What {call_id} has returned:"), *pictures]

    def _show(self) -> None:
        if self._shown:
            self.user([])

    def _answer(self) -> Json:
        """Return the message of the assistant to which thought, text and calls that follow each other belong."""
        if self._assistant is None:
            self._show()
            self._assistant = {"role": "assistant", "content": ""}
            self._messages.append(self._assistant)
        return self._assistant


def _joined(before: str, text: str) -> str:
    return f"{before}{_SPACE}{text}" if before and text else before or text


def _without_parts(message: Json) -> Json:
    """Return *message* with its content as a text where it is nothing else, which every engine takes."""
    content = message["content"]
    if isinstance(content, list) and all(part["type"] == "text" for part in content):
        return {**message, "content": _SPACE.join(part["text"] for part in content)}
    return message


def _opened(content: object) -> str:
    """Return the thought that `sealed` has made *content* of; other vendors' cannot be read."""
    if not isinstance(content, str) or not content.startswith(_SEALED):
        return ""
    try:
        return b64decode(content.removeprefix(_SEALED), validate=True).decode()
    except ValueError:
        return ""


def _parts(content: object, where: str) -> list[Json]:
    """Return *content*, a text or parts, as parts of a chat message."""
    if content is None or isinstance(content, str):
        return [_text(content or "")]
    return [_part(part, f"{where}[{at}]") for at, part in enumerate(objects(content, where))]


def _part(part: Json, where: str) -> Json:
    kind = part.get("type")
    if kind in _TEXTS:
        return _text(optional_text(part.get("text"), f"{where}.text"))
    if kind == "refusal":
        return _text(optional_text(part.get("refusal"), f"{where}.refusal"))
    if kind == "input_image":
        return {"type": "image_url", "image_url": _image(part, where)}
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": optional_object(part.get("input_audio"), f"{where}.input_audio")}
    if kind == "input_file" and isinstance(part.get("file_data"), str):
        return {"type": "file", "file": {name: part[name] for name in ("filename", "file_data") if name in part}}
    if kind == "input_file":
        raise _not_here(where, "file", "its data as 'file_data'")
    raise bad(f"{where}.type", "input_text, input_image, input_audio, input_file, output_text or refusal")


def _image(part: Json, where: str) -> Json:
    url = part.get("image_url")
    if not isinstance(url, str):
        raise _not_here(where, "picture", "it as a data: URL in 'image_url'")
    detail = part.get("detail")
    return {"url": url, "detail": detail} if isinstance(detail, str) else {"url": url}


def _not_here(where: str, what: str, instead: str) -> RequestError:
    return RequestError(
        f"'{where}' names a {what} that is stored or has to be fetched elsewhere; send {instead}",
        code="bad_request",
        param=where,
    )


def _text(text: str) -> Json:
    return {"type": "text", "text": text}
