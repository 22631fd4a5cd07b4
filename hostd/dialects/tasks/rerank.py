"""Texts ranked by a query, as clients of Jina, Cohere and Text Embeddings Inference ask for it, from servers in Jina's form.

llama-server, vLLM, SGLang, Infinity and others took that form over: https://jina.ai/reranker. Of the others,
https://docs.cohere.com/reference/rerank has no texts in its answers, and Text Embeddings Inference
(https://huggingface.github.io/text-embeddings-inference) calls them ``texts`` and answers with a bare list.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hostd.dialects.base import Answer, AnswerContext, Dialect, InferenceRequest
from hostd.dialects.from_chat.answer import count_of
from hostd.dialects.from_chat.shapes import bad, finite_number, whole_number
from hostd.dialects.openai import bounds
from hostd.dialects.request_document import RequestDocument
from hostd.dialects.tasks.whole_only import WholeOnly, WholeOnlyClient, asked_model, document_in
from hostd.domain.errors import HostdError, RequestError
from hostd.domain.ticket import Requirements, Task

Json = dict[str, Any]

PATHS: Mapping[Dialect, str] = {Dialect.RERANK: "/v1/rerank", Dialect.COHERE_RERANK: "/v2/rerank"}
"""Where clients send requests; Cohere's newer ones have a path of their own."""
SPOKEN: Mapping[Dialect, str] = {Dialect.RERANK: PATHS[Dialect.RERANK]}
"""Where servers take them."""

_DOCUMENTS, _TEXTS = "documents", "texts"
_OURS = ("model", "query", _DOCUMENTS, _TEXTS, "top_n", "return_documents", "return_text", "rank_fields", "stream")
_NO_SCORES = "the engine sent no scores"


class RerankClient(WholeOnlyClient):
    """Reads and answers clients that have texts ranked."""

    def parse(self, body: bytes) -> InferenceRequest:
        """Return the request in *body*."""
        document = RequestDocument.parse(body)
        model = asked_model(document, self._unnamed)
        bounds.check(document)
        asked: Json = {"model": model, "query": _text(document.get("query"), "query"), _DOCUMENTS: texts_of(document)}
        if (most := _most(document)) is not None:
            asked["top_n"] = most
        chat = RequestDocument.of(asked | {name: document[name] for name in document.names_beyond(_OURS)})
        return InferenceRequest(
            self._dialect, document, model, stream=False, requirements=Requirements(Task.RERANK), chat=chat
        )

    def error(self, error: HostdError) -> bytes:
        """Return *error* as clients of the path know errors: Cohere's have no object in them."""
        if self._dialect is Dialect.COHERE_RERANK:
            return json.dumps({"message": error.message, "code": error.code}).encode()
        return super().error(error)


class Rerank(WholeOnly):
    """A client of any of these APIs before a server in Jina's form."""

    def response(self, payload: bytes, context: AnswerContext) -> Answer:
        """Return the texts' scores, best first, in the form that the client's request is of."""
        said = document_in(payload)
        if isinstance(said, Answer):
            return said
        asked = context.request.document
        given = asked[_member(asked)]
        scores = _scores(said, len(given))
        if scores is None:
            return Answer(payload, failure=_NO_SCORES)
        most = _most(asked)
        tokens = _tokens(said)
        body = _written(asked, scores if most is None else scores[:most], context, tokens)
        return Answer(json.dumps(body).encode(), tokens)


def texts_of(document: RequestDocument) -> list[str]:
    """Return the texts that *document* wants ranked; of objects, ``text``, or the fields that ``rank_fields`` names.

    Raises:
        RequestError: There are none, or one of them is something else.
    """
    member = _member(document)
    given, fields = document.get(member), document.get("rank_fields")
    if not isinstance(given, list) or not given:
        raise bad(member, "a list of at least one text")
    if fields is not None and (not isinstance(fields, list) or not all(isinstance(each, str) for each in fields)):
        raise bad("rank_fields", "a list of names")
    return [_text_of(each, fields, f"{member}[{at}]") for at, each in enumerate(given)]


def _text_of(given: object, fields: list[str] | None, where: str) -> str:
    if not isinstance(given, dict):
        return _text(given, where)
    if fields:
        return "\n".join(f"{name}: {_written_out(given[name])}" for name in fields if name in given)
    return _text(given.get("text"), f"{where}.text")


def _written_out(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(given: object, where: str) -> str:
    if isinstance(given, dict):
        given = given.get("text")
    if not isinstance(given, str):
        raise RequestError(f"'{where}' must be a text; pictures cannot be ranked", code="bad_request", param=where)
    return given


def _member(document: RequestDocument) -> str:
    # What is null is as good as left out: clients with optional members write them so.
    return _TEXTS if document.get(_DOCUMENTS) is None and document.get(_TEXTS) is not None else _DOCUMENTS


def _most(document: RequestDocument) -> int | None:
    given = document.get("top_n")
    if given is None:
        return None
    most = whole_number(given)
    if most is None or most < 1:
        raise bad("top_n", "a whole number of at least 1")
    return most


def _scores(said: object, count: int) -> list[tuple[int, float]] | None:
    """Return the place and the score of each text that was ranked, best first; None where an answer has something else."""
    listed = said.get("results") if isinstance(said, dict) else said
    if not isinstance(listed, list) or not listed:
        return None
    found: dict[int, float] = {}
    for place, score in _pairs(listed):
        if place is None or score is None or not 0 <= place < count or place in found:
            return None
        found[place] = score
    return sorted(found.items(), key=lambda each: -each[1])


def _pairs(listed: list[object]) -> Iterator[tuple[int | None, float | None]]:
    for each in listed:
        result = each if isinstance(each, dict) else {}
        yield whole_number(result.get("index")), finite_number(result.get("relevance_score", result.get("score")))


def _tokens(said: object) -> int:
    usage = said.get("usage") if isinstance(said, dict) else None
    counts = (usage.get(name) for name in ("prompt_tokens", "total_tokens")) if isinstance(usage, dict) else ()
    return next((count for each in counts if (count := count_of(each))), 0)


def _written(
    asked: RequestDocument, scores: list[tuple[int, float]], context: AnswerContext, tokens: int
) -> Json | list[Json]:
    member = _member(asked)
    given = asked[member]
    if member == _TEXTS:
        with_text = asked.get("return_text") is True
        return [
            {"index": place, "score": score} | ({"text": given[place]} if with_text else {}) for place, score in scores
        ]
    # Jina's clients are given the texts unless they decline; Cohere's no longer know them.
    wanted = asked.get("return_documents")
    with_text = context.request.dialect is Dialect.RERANK if wanted is None else wanted is True
    results = [
        {"index": place, "relevance_score": score} | ({"document": _shown(given[place])} if with_text else {})
        for place, score in scores
    ]
    head: Json = {"id": context.request_id, "object": "list", "model": context.name}
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    counted = {"input_tokens": tokens, "output_tokens": 0}
    version = "2" if context.request.dialect is Dialect.COHERE_RERANK else "1"
    meta = {"api_version": {"version": version}, "tokens": counted}
    return head | {"usage": usage, "results": results, "meta": meta}


def _shown(given: object) -> object:
    return {"text": given} if isinstance(given, str) else given


CLIENTS: Mapping[Dialect, RerankClient] = {dialect: RerankClient(dialect, Task.RERANK) for dialect in PATHS}
TRANSLATIONS: Mapping[tuple[Dialect, Dialect], Rerank] = {
    (dialect, Dialect.RERANK): Rerank(Dialect.RERANK) for dialect in PATHS
}
