"""How an answer is read from its stream."""

import json
from typing import Any

import pytest

from hostd.cli.chat_stream import ChatReply, ask, first_chat_model
from hostd.cli.client import connect
from hostd.cli.exits import VerbError
from tests.cli.recorded import CHATTY, EMBEDDER, Daemon

CHAT = "POST /v1/chat/completions"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def chunk(text: str | None, **more: Any) -> str:
    """Return one event of a stream."""
    options = [] if text is None else [{"index": 0, "delta": {"content": text}}]
    return f"data: {json.dumps({'choices': options} | more)}\n\n"


def asked(daemon: Daemon) -> tuple[ChatReply, list[str]]:
    """Ask the daemon, and return the answer and all that was reported on the way."""
    heard: list[str] = []
    answer = ask(
        connect(daemon.url),
        "tiny",
        [{"role": "user", "content": "hi"}],
        on_begin=lambda model, route: heard.append(f"{model} by {route}"),
        on_text=heard.append,
    )
    return answer, heard


def test_a_whole_answer_is_put_together(daemon: Daemon) -> None:
    """Text is reported piece by piece after the model and its route; comments and other events are passed over."""
    stream = (
        ": wait\n\n"
        + chunk("")
        + "event: x\n"
        + chunk("Hel")
        + chunk("lo")
        + chunk(None, usage=USAGE)
        + "data: [DONE]\n\n"
    )
    daemon.on(CHAT, stream, x_hostd_model="tiny", x_hostd_route="primary")
    assert (ChatReply("tiny", "primary", "Hello", USAGE), ["tiny by primary", "Hel", "lo"]) == asked(daemon)


def test_the_question_asks_for_a_stream_with_usage(daemon: Daemon) -> None:
    """The request is a plain chat completion."""
    daemon.on(CHAT, "data: [DONE]\n\n")
    asked(daemon)
    body = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert [(CHAT, body)] == daemon.asked


def test_an_error_inside_the_stream_is_a_failure(daemon: Daemon) -> None:
    """The daemon's in-band error is not taken for an end."""
    daemon.on(CHAT, chunk("Hel") + 'data: {"error": {"message": "the engine died", "code": "engine_failed"}}\n\n')
    with pytest.raises(VerbError, match="broke off: the engine died"):
        asked(daemon)


@pytest.mark.parametrize("end", ["", "data: {\n\n"])
def test_a_stream_without_its_end_is_a_failure(daemon: Daemon, end: str) -> None:
    """An answer counts as complete only when the stream says so."""
    daemon.on(CHAT, chunk("Hel") + end)
    with pytest.raises(VerbError, match="ended before it was complete"):
        asked(daemon)


def test_an_unnamed_model_is_the_first_that_chats(daemon: Daemon) -> None:
    """A model that only embeds is passed over, and so is one that this host cannot serve."""
    elsewhere = CHATTY | {"name": "elsewhere", "variants": [each | {"usable": False} for each in CHATTY["variants"]]}
    daemon.on("GET /hostd/v1/models", {"models": [EMBEDDER, elsewhere, CHATTY]})
    assert "qwen3.5-9b" == first_chat_model(connect(daemon.url))


def test_no_model_to_chat_with_is_a_failure(daemon: Daemon) -> None:
    """A host without such a model says what to do."""
    daemon.on("GET /hostd/v1/models", {"models": [EMBEDDER]})
    with pytest.raises(VerbError, match="add a profile"):
        first_chat_model(connect(daemon.url))
