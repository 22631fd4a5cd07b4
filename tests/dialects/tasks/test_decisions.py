"""Typed questions are passed on to servers that answer them."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import AnswerContext, Dialect, InferenceRequest
from hostd.dialects.tasks.decisions import PATHS
from hostd.domain.errors import RequestError
from hostd.domain.ticket import Task

QUESTIONS = {"spam": {"type": "noul", "instructions": "Is it spam?"}}


def asked(**members: Any) -> InferenceRequest:
    """Return a request with *members*."""
    body = {"model": "m", "state": "Win a prize", "questions": QUESTIONS} | members
    given = {name: value for name, value in body.items() if value is not ...}
    return registry.client_dialect(Dialect.SYSTEMONE).parse(json.dumps(given).encode())


def test_a_request_is_for_a_model_that_decides() -> None:
    """It is passed on without what only hostd reads, or nobody knows."""
    request = asked(keep_alive="5m", images=["data:image/png;base64,AA"], lora=[])
    assert ("m", Task.DECISIONS, False, None) == (
        request.model,
        request.requirements.task,
        request.stream,
        request.remote_media,
    )
    found = registry.translation(Dialect.SYSTEMONE, PATHS)
    assert found is not None
    expected = {"model": "m", "state": "Win a prize", "questions": QUESTIONS, "images": ["data:image/png;base64,AA"]}
    assert expected == json.loads(found.request(request).encode())
    assert "decisions" == asked(model=...).model


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"questions": {}}, "questions"),
        ({"state": None}, "state"),
        ({"model": []}, "model"),
        ({"images": [{"url": "http://e/x"}]}, "images"),
        ({"images": "http://e/x"}, "images"),
    ],
)
def test_what_is_no_request_is_refused(members: dict[str, Any], param: str) -> None:
    """By the name of what is missing."""
    with pytest.raises(RequestError) as caught:
        asked(**members)
    assert (param, 400) == (caught.value.param, caught.value.status)


def test_pictures_from_elsewhere_are_seen() -> None:
    """Wherever a request may name one: a server would fetch it."""
    part = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/x"}}
    messages = [{"role": "user", "content": [part]}]
    for members in ({"images": ["http://e/x.png"]}, {"state": messages}, {"state": {"messages": messages}}):
        assert (asked(**members).remote_media or "").startswith("http://")


def test_answers_are_the_servers() -> None:
    """Under the name that clients know; without answers it is none."""
    found = registry.translation(Dialect.SYSTEMONE, PATHS)
    assert found is not None
    context = AnswerContext(asked(), "m", "req_1", 0.0, 0.0, lambda: 0.0)
    answers = {"spam": {"type": "noul", "noul": 0.9}}
    said = {"model": "/x.gguf", "answers": answers, "usage": {"input_tokens": 7, "output_tokens": 0}}
    answer = found.response(json.dumps(said).encode(), context)
    assert ({**said, "model": "m"}, 7) == (json.loads(answer.body), answer.prompt_tokens)
    odd = found.response(json.dumps(said | {"usage": {"input_tokens": -7, "output_tokens": 10**40}}).encode(), context)
    assert (0, 0) == (odd.prompt_tokens, odd.tokens)
    assert "the engine sent no answers" == found.response(b'{"model": "m"}', context).failure
