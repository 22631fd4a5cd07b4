"""``hostd chat``: ask a model from the terminal."""

import importlib
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer

from hostd.cli.chat_stream import ChatReply, Message, ask, first_chat_model
from hostd.cli.client import Client, connect
from hostd.cli.exits import Code, VerbError
from hostd.cli.options import AsJson, Url
from hostd.cli.output import emit, say, write_line, write_piece


def chat(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Which model; the first one that can chat when left out.")
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="PROMPT", help="What to ask; left out: standard input, or a conversation on a terminal."
        ),
    ] = None,
    *,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Send a prompt to a model, or chat until /bye or Ctrl-D."""
    client = connect(url)
    chosen = model or first_chat_model(client)
    if prompt is None and sys.stdin.isatty() and not json:
        _converse(client, chosen)
        return
    question = prompt if prompt is not None else sys.stdin.buffer.read().decode(errors="replace").strip()
    if not question:
        raise VerbError('there is nothing to ask; write: hostd chat MODEL "PROMPT"', Code.USAGE)
    answer = _answer(client, chosen, [{"role": "user", "content": question}], quiet=json)
    if json:
        emit(asdict(answer))


def _converse(client: Client, model: str) -> None:
    """Chat until /bye or Ctrl-D; Ctrl-C ends an answer, or the chat while it waits for input."""
    with suppress(ImportError):
        importlib.import_module("readline")  # gives `input` a history and line editing
    say(f"talking with {model}; end with /bye or Ctrl-D")
    history: list[Message] = []
    while (line := _typed()) != "/bye":
        if not line:
            continue
        history.append({"role": "user", "content": line})
        try:
            history.append({"role": "assistant", "content": _answer(client, model, history).content})
        except (VerbError, KeyboardInterrupt) as trouble:
            say(trouble.message if isinstance(trouble, VerbError) else "stopped")
            # The question has no answer: kept, it would be sent again with the next one.
            history.pop()


def _typed() -> str:
    try:
        return input(">>> ").strip()
    except EOFError:
        write_line()
        return "/bye"


def _answer(client: Client, model: str, messages: list[Message], *, quiet: bool = False) -> ChatReply:
    """Print an answer as it arrives (*quiet*: not at all) and end its line even when it fails."""
    written = False

    def begin(answered_by: str, route: str) -> None:
        if route != "primary":
            say(f"answered by {answered_by} instead of {model} ({route})")
        elif answered_by != model:
            say(f"answered by {answered_by}")

    def write(text: str) -> None:
        nonlocal written
        if not quiet:
            written = True
            write_piece(text)

    try:
        return ask(client, model, messages, on_begin=begin, on_text=write)
    finally:
        if written:
            write_line()
