"""What of a request shows that it goes round in a circle."""

import json
import re

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.domain.errors import RequestError
from hostd.domain.profile import Variant
from hostd.gateway.forwarding.loop_signs import leads_on, passed_on, signs_of

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
OWN, ATTACHED = Variant("llamacpp", path="a.gguf"), Variant("openai", url="http://127.0.0.1:1/v1")
CLOUD = Variant("cloud", provider="openai", model="gpt")


def request(dialect: Dialect = Dialect.OPENAI_CHAT, **members: object) -> InferenceRequest:
    """Return a request with *members*."""
    return registry.client_dialect(dialect).parse(json.dumps({"model": "a"} | members).encode())


def chat(*texts: str) -> InferenceRequest:
    """Return a chat of messages."""
    return request(messages=[{"role": "user", "content": text} for text in texts])


def test_the_last_message_tells_requests_apart() -> None:
    """Whatever was said before; the length of all is told, too."""
    first, longer, other = (signs_of({}, each, "s") for each in (chat("a", "z"), chat("b", "c", "z"), chat("a", "y")))
    assert first is not None
    assert longer is not None
    assert other is not None
    assert (True, False) == (first.message == longer.message, first.message == other.message)
    assert first.size < longer.size
    assert signs_of({}, chat("a"), None) is None


@pytest.mark.parametrize(
    ("dialect", "one", "two"),
    [
        (Dialect.OPENAI_COMPLETIONS, {"prompt": "a"}, {"prompt": "b"}),
        (Dialect.OPENAI_RESPONSES, {"input": "a"}, {"input": "b"}),
        (Dialect.OPENAI_EMBEDDINGS, {"input": ["x", "a"]}, {"input": ["x", "b"]}),
    ],
)
def test_prompts_of_other_kinds(dialect: Dialect, one: dict[str, object], two: dict[str, object]) -> None:
    """Each dialect has its own member for what is asked."""
    first, second, again = (signs_of({}, request(dialect, **each), "s") for each in (one, two, one))
    assert (True, False) == (first == again, first == second)


def test_headers() -> None:
    """Hops are a number; a trace that is none is passed over, as its standard says."""
    signs = signs_of({"X-Hostd-Hop": "3", "Traceparent": TRACE}, chat("a"), None)
    assert signs is not None
    assert (3, TRACE, None) == (signs.hops, signs.trace, signs.session)
    broken = signs_of({"Traceparent": "x\r\ny"}, chat("a"), None)
    assert (broken is not None, None) == (True, None if broken is None else broken.trace)
    for wrong in ("-1", "many", "1e3", "9" * 50, ""):
        with pytest.raises(RequestError, match="no number of gateways"):
            signs_of({"X-Hostd-Hop": wrong}, chat("a"), None)


def test_what_the_next_gateway_is_told() -> None:
    """One hop more, and the client's own trace or a new one; a provider learns no trace, and an engine of hostd's own nothing."""
    signs = signs_of({"X-Hostd-Hop": "3", "Traceparent": TRACE}, chat("a"), None)
    assert {"x-hostd-hop": "4", "traceparent": TRACE} == passed_on(signs, ATTACHED)
    assert {"x-hostd-hop": "4"} == passed_on(signs, CLOUD)
    assert {} == passed_on(signs, OWN)
    assert [False, True, True] == [leads_on(each) for each in (OWN, ATTACHED, CLOUD)]
    new = passed_on(None, ATTACHED)
    assert "1" == new["x-hostd-hop"]
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", new["traceparent"])
