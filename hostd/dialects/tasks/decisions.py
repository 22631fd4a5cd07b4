"""Typed questions about a state, answered with probabilities: the requests of ``/v1/systemone``, passed on as they are.

llama-server (b11361 and newer, for models whose header has ``decision.type``), vLLM 0.32, Ollama 0.35 and others took TypeSafe's
API over: https://docs.typesafe.ai/api. Which questions a model can answer is for its server to say.
"""

import json
from collections.abc import Mapping
from typing import Any

from hostd.dialects.base import Answer, AnswerContext, Dialect, InferenceRequest
from hostd.dialects.from_chat.answer import count_of
from hostd.dialects.from_chat.shapes import bad
from hostd.dialects.openai.media import remote_url
from hostd.dialects.request_document import RequestDocument
from hostd.dialects.tasks.whole_only import WholeOnly, WholeOnlyClient, asked_model, document_in
from hostd.domain.ticket import Requirements, Task

PATHS: Mapping[Dialect, str] = {Dialect.SYSTEMONE: "/v1/systemone"}
"""Where requests are sent, to hostd as to a server."""

_PASSED = ("state", "questions", "images")
_LOCAL = "data:"
_SHOWN = 100


class DecisionsClient(WholeOnlyClient):
    """Reads and answers clients that have questions decided."""

    def parse(self, body: bytes) -> InferenceRequest:
        """Return the request in *body*; of its members, those that the API has are passed on."""
        document = RequestDocument.parse(body)
        model = asked_model(document, self._unnamed)
        questions = document.get("questions")
        if not isinstance(questions, dict) or not questions:
            raise bad("questions", "an object with at least one question")
        if document.get("state") is None:
            raise bad("state", "what the questions are about: a text, or any JSON")
        images = document.get("images")
        if images is not None and not (isinstance(images, list) and all(isinstance(each, str) for each in images)):
            raise bad("images", "a list of pictures, each a text")
        asked = {"model": model} | {name: document[name] for name in _PASSED if name in document}
        return InferenceRequest(
            self._dialect,
            document,
            model,
            stream=False,
            requirements=Requirements(Task.DECISIONS),
            remote_media=_remote(document),
            chat=RequestDocument.of(asked),
        )


class Decisions(WholeOnly):
    """A client before a server that both speak of decisions."""

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the server's answers under the model's name."""
        said = document_in(payload)
        if isinstance(said, Answer):
            return said
        if not isinstance(said, dict) or not isinstance(said.get("answers"), dict):
            return Answer(payload, failure="the engine sent no answers")
        usage: Any = said.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        read, made = (count_of(counts.get(name)) for name in ("input_tokens", "output_tokens"))
        return Answer(json.dumps(said | {"model": context.name}).encode(), read, made)


def _remote(document: RequestDocument) -> str | None:
    """Return the beginning of the first URL that the server would fetch; None where there is none. Images have been checked."""
    images: list[str] = document.get("images") or []
    state = document.get("state")
    for image in images:
        if not image.lower().startswith(_LOCAL):
            return image[:_SHOWN]
    messages = state.get("messages") if isinstance(state, dict) else state
    return remote_url(RequestDocument.of({"messages": messages})) if isinstance(messages, list) else None


CLIENTS: Mapping[Dialect, DecisionsClient] = {Dialect.SYSTEMONE: DecisionsClient(Dialect.SYSTEMONE, Task.DECISIONS)}
TRANSLATIONS: Mapping[tuple[Dialect, Dialect], Decisions] = {
    (Dialect.SYSTEMONE, Dialect.SYSTEMONE): Decisions(Dialect.SYSTEMONE)
}
