"""What all translations to chat completions have in common: how an answer is read that is none, and how one is put together."""

import json

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.from_chat.translation import FromChat, request_over_chat
from hostd.dialects.openai.responses import ResponsesFromChat
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import Bug, CapacityError, RequestError
from hostd.domain.ticket import Requirements
from tests.dialects.answering import context
from tests.dialects.from_chat.chunks import TALK

ASKED = context(Dialect.OPENAI_RESPONSES)


def test_a_stream_makes_the_same_answer_as_one_in_one_piece() -> None:
    """Engines that are asked for a stream in any case."""
    translation: FromChat = ResponsesFromChat()
    assembler = translation.assembler(ASKED)
    assembler.feed(TALK)
    assert assembler.end()
    answer = assembler.answer()
    assert (11, 5, "") == answer[1:4]
    kinds = [item["type"] for item in json.loads(answer.body)["output"]]
    assert ["reasoning", "message", "function_call", "function_call"] == kinds


@pytest.mark.parametrize(
    "payload", [b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{"finish_reason": "abort"}]}']
)
def test_takes_no_other_bytes_for_an_answer(payload: bytes) -> None:
    """Status 200 or not."""
    assert ResponsesFromChat().response(payload, ASKED).failure


def test_errors_mean_what_they_say() -> None:
    """With status 200, and with their own."""
    answer = ResponsesFromChat().response(b'{"error": {"message": "no luck", "code": 422}}', ASKED)
    assert isinstance(answer.engine_error, RequestError)
    assert isinstance(ResponsesFromChat().failure(503, b"busy"), CapacityError)


def test_reads_a_request_as_the_completion_would_be() -> None:
    """Its bounds, its capabilities, and what its engine would have to fetch."""
    picture = {"type": "image_url", "image_url": {"url": "http://there/a.png"}}
    asked = {"model": "m", "messages": [{"role": "user", "content": [picture]}], "tools": [{}], "stream": True}
    chat, document = RequestDocument.of(asked), RequestDocument.of({"model": "m"})
    read = request_over_chat(Dialect.OPENAI_RESPONSES, document, chat)
    assert (document, "m", True, "http://there/a.png") == (read.document, read.model, read.stream, read.remote_media)
    assert Requirements(tools=True, vision=True) == read.requirements
    assert read.chat is registry.translation(Dialect.OPENAI_RESPONSES, [Dialect.OPENAI_CHAT]).request(read)  # type: ignore[union-attr]


def test_a_request_that_was_not_translated_is_a_bug() -> None:
    """A client dialect that forgets it is found out at once."""
    request = InferenceRequest(Dialect.OPENAI_RESPONSES, RequestDocument.of({}), "m", False, Requirements())
    with pytest.raises(Bug):
        ResponsesFromChat().request(request)
