"""Whatever a client's request holds, writing it for an engine works or refuses it in a sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.backends.attached.engine import Attached
from hostd.backends.contract import Backend, Endpoint
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.mlx.engine import Mlx
from hostd.backends.ollama import context_guard
from hostd.backends.ollama.engine import Ollama
from hostd.backends.vllm.engine import Vllm
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from tests.dialects.openai.test_parse import mutated_requests
from tests.dialects.test_request_document import values

MEMBERS = [
    "messages",
    "prompt",
    "input",
    "tools",
    "tool_choice",
    "stream",
    "logprobs",
    "max_tokens",
    "n_predict",
    "logit_bias",
]
messages = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "tool_calls", "x"]), values | st.sampled_from(["developer", "assistant"])
    )
    | values,
    max_size=3,
)
requests = mutated_requests() | st.dictionaries(st.sampled_from(MEMBERS), values | messages).map(
    lambda members: json.dumps({"model": "m", **members}).encode()
)
PLAIN = Endpoint("http://127.0.0.1:1", "m")
STRICT = Endpoint("http://127.0.0.1:1", "other", strict_model=True)


@pytest.mark.slow
@pytest.mark.parametrize("engine", [LlamaCpp, Vllm, Ollama, Mlx, Attached])
@given(requests)
def test_no_request_breaks_a_backend(engine: type[Backend], body: bytes) -> None:
    """And what comes out can be sent."""
    backend = engine()
    for endpoint in (PLAIN, STRICT):
        try:
            document = RequestDocument.parse(body)
            adapted = backend.adapt(endpoint, document)
            backend.prefers_stream(endpoint, document)
        except RequestError:
            continue
        sent = (
            document
            if adapted is None
            else adapted
            if isinstance(adapted, RequestDocument)
            else RequestDocument.of(adapted)
        )
        assert isinstance(json.loads(sent.encode().decode("utf-8", "replace")), dict)


@given(requests)
def test_no_request_breaks_the_guard_of_the_context(body: bytes) -> None:
    """Which looks at each text in it."""
    try:
        document = RequestDocument.parse(body)
        context_guard.refuse_certain(document, 10**6)
        context_guard.room_for_answer(document, 10)
        context_guard._most(document)
        context_guard._has_picture(document)
        context_guard._question(document)
    except RequestError:
        return


def test_arguments_of_a_call_may_be_anything() -> None:
    """A model made them up, and a client sent them back."""
    for text in ("[" * 100_000, "{", "5", "\ud800", '{"a": NaN}'):
        assert context_guard._document(text) == {"arguments": text}
    assert context_guard._document('{"a": 1}') == {"a": 1}
