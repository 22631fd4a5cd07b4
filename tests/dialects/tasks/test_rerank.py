"""Texts are ranked for clients of Jina, Cohere and Text Embeddings Inference."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Answer, AnswerContext, Dialect, InferenceRequest
from hostd.dialects.tasks.rerank import PATHS, SPOKEN
from hostd.domain.errors import RequestError
from hostd.domain.ticket import Task

RESULTS = [
    {"index": 2, "relevance_score": -0.5},
    {"index": 0, "relevance_score": 0.75},
    {"index": 1, "relevance_score": 0},
]
SAID: dict[str, Any] = {"model": "/x.gguf", "object": "list", "usage": {"total_tokens": 9}, "results": RESULTS}


def asked(dialect: Dialect = Dialect.RERANK, **members: Any) -> InferenceRequest:
    """Return a request with *members*."""
    body = {"model": "m", "query": "q", "documents": ["a", "b", "c"]} | members
    given = {name: value for name, value in body.items() if value is not ...}
    return registry.client_dialect(dialect).parse(json.dumps(given).encode())


def sent(request: InferenceRequest) -> dict[str, Any]:
    """Return what the server is sent."""
    found = registry.translation(request.dialect, SPOKEN)
    assert found is not None
    sent: dict[str, Any] = json.loads(found.request(request).encode())
    return sent


def answered(request: InferenceRequest, said: object = None) -> Answer:
    """Return the answer where the server has *said* this."""
    found = registry.translation(request.dialect, SPOKEN)
    assert found is not None
    context = AnswerContext(request, "m", "req_1", 0.0, 0.0, lambda: 0.0)
    return found.response(json.dumps(SAID if said is None else said).encode(), context)


@pytest.mark.parametrize("dialect", PATHS)
def test_a_request_is_for_a_model_that_ranks(dialect: Dialect) -> None:
    """Under the name that it asks for, or that of the task: the API has a model of its own where none is named."""
    request = asked(dialect)
    assert ("m", Task.RERANK, False) == (request.model, request.requirements.task, request.stream)
    assert "rerank" == asked(dialect, model=...).model
    assert {"model": "m", "query": "q", "documents": ["a", "b", "c"]} == sent(request)


def test_texts_are_sent_as_texts() -> None:
    """Of objects their text, or the fields that are named; what the server might make of other members is left to the gateway."""
    documents = [{"text": "a", "title": "A"}, "b"]
    assert ["a", "b"] == sent(asked(documents=documents))["documents"]
    fields = [{"title": "A", "year": 1, "text": "a"}]
    assert ["title: A\nyear: 1"] == sent(asked(documents=fields, rank_fields=["title", "year"]))["documents"]
    odd = {"open": True, "tags": ["é"], "text": None}
    assert ['open: true\ntags: ["é"]\ntext: null'] == sent(
        asked(documents=[odd], rank_fields=["open", "tags", "text", "no"])
    )["documents"]
    other = sent(asked(documents=..., texts=["x"], return_text=True, top_n=1, max_tokens_per_doc=5))
    assert {"model": "m", "query": "q", "documents": ["x"], "top_n": 1, "max_tokens_per_doc": 5} == other


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"query": ...}, "query"),
        ({"query": 1}, "query"),
        ({"documents": ...}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": ["a", {"image": "data:image/png;base64,"}]}, "documents[1].text"),
        ({"documents": ["a", None]}, "documents[1]"),
        ({"documents": ..., "texts": [1]}, "texts[0]"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "3"}, "top_n"),
        ({"rank_fields": "title"}, "rank_fields"),
        ({"model": 3}, "model"),
    ],
)
def test_what_cannot_be_ranked_is_refused(members: dict[str, Any], param: str) -> None:
    """By its name."""
    with pytest.raises(RequestError) as caught:
        asked(**members)
    assert (param, 400) == (caught.value.param, caught.value.status)


def test_results_come_best_first_with_their_texts() -> None:
    """As Jina's clients want them, whatever order the server has; the model's name is the one that clients know."""
    answer = answered(asked(documents=["a", {"text": "b", "id": 7}, "c"], top_n=2))
    document = json.loads(answer.body)
    assert [
        {"index": 0, "relevance_score": 0.75, "document": {"text": "a"}},
        {"index": 1, "relevance_score": 0.0, "document": {"text": "b", "id": 7}},
    ] == document["results"]
    assert ("m", {"prompt_tokens": 9, "total_tokens": 9}, 9) == (
        document["model"],
        document["usage"],
        answer.prompt_tokens,
    )


def test_texts_come_back_where_they_are_wanted() -> None:
    """Cohere's newer clients know none, and any client may decline or ask for them."""
    for dialect, members, there in (
        (Dialect.RERANK, {"return_documents": False}, False),
        (Dialect.COHERE_RERANK, {}, False),
        (Dialect.COHERE_RERANK, {"return_documents": True}, True),
    ):
        document = json.loads(answered(asked(dialect, **members)).body)
        assert [there] * 3 == ["document" in each for each in document["results"]]
    assert {"version": "2"} == document["meta"]["api_version"]


def test_a_request_with_texts_is_answered_with_a_list() -> None:
    """As Text Embeddings Inference does, which some servers speak, too."""
    request = asked(documents=..., texts=["a", "b", "c"], return_text=True)
    said = [{"index": 1, "score": 0.5}]
    assert [{"index": 1, "score": 0.5, "text": "b"}] == json.loads(answered(request, said).body)
    assert ["text" in each for each in json.loads(answered(asked(documents=..., texts=["a", "b", "c"])).body)] == [
        False
    ] * 3


@pytest.mark.parametrize(
    "said",
    [
        {"results": []},
        {"results": [{"index": 3, "relevance_score": 1}]},
        {"results": [{"index": 0, "relevance_score": None}]},
        {"results": [{"index": 0, "relevance_score": True}]},
        {"results": [{"index": 0, "relevance_score": 10**400}]},
        {"results": [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 2}]},
        {"data": []},
        "text",
        [3],
    ],
)
def test_an_answer_without_scores_is_none(said: object) -> None:
    """Another target may have some."""
    assert "the engine sent no scores" == answered(asked(), said).failure


def test_what_is_null_is_as_if_left_out() -> None:
    """Clients with optional members write them so; and a count below nought is none."""
    request = asked(documents=None, texts=["a", "b", "c"], top_n=None, return_text=None)
    assert {"model": "m", "query": "q", "documents": ["a", "b", "c"]} == sent(request)
    assert 3 == len(json.loads(answered(request).body))
    document = json.loads(answered(asked(return_documents=None), SAID | {"usage": {"prompt_tokens": -1}}).body)
    assert ("a", 0) == (document["results"][0]["document"]["text"], document["usage"]["prompt_tokens"])


def test_errors_are_those_of_the_path() -> None:
    """Cohere's clients read a message, all others an object."""
    error = RequestError("no", code="bad_request")
    cohere, jina = (
        json.loads(registry.client_dialect(dialect).error(error)) for dialect in (Dialect.COHERE_RERANK, Dialect.RERANK)
    )
    assert {"message": "no", "code": "bad_request"} == cohere
    assert "no" == jina["error"]["message"]
