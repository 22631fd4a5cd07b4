"""Placeholders go out, the data comes back, and what could not come back is not asked for."""

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.request_document import RequestDocument
from hostd.domain.private_data import DataKind
from hostd.domain.reason import FallbackReason
from hostd.gateway.forwarding.attempt_errors import RetryableFailure
from hostd.gateway.forwarding.masked_exchange import MaskedExchange
from hostd.privacy.masking import Mask

_MASK = Mask({"anna@example.com": DataKind.EMAIL}, b"k" * 32)
_DOCUMENT = RequestDocument.parse(b'{"model": "m", "messages": [{"role": "user", "content": "anna@example.com"}]}')


async def test_a_request_is_masked_and_its_stream_restored() -> None:
    """Both ways through the same mask."""
    exchange = MaskedExchange(_MASK, Dialect.OPENAI_CHAT)
    said = (await exchange.request(_DOCUMENT))["messages"][0]["content"]
    assert said.startswith("[EMAIL_")
    rewrite = exchange.rewrite()
    assert rewrite is not None
    event = f'data: {{"choices": [{{"index": 0, "delta": {{"content": "{said}"}}}}]}}\n\n'
    assert b"anna@example.com" in rewrite(event.encode())


async def test_without_a_mask_nothing_is_touched() -> None:
    """The document is the same object, and streams are not rewritten."""
    exchange = MaskedExchange(None, Dialect.OPENAI_EMBEDDINGS)
    assert await exchange.request(_DOCUMENT) is _DOCUMENT
    assert exchange.rewrite() is None


def test_what_cannot_be_restored_is_left_to_another_target() -> None:
    """No stream of such a dialect is known."""
    with pytest.raises(RetryableFailure) as refused:
        MaskedExchange(_MASK, Dialect.OLLAMA_CHAT)
    assert refused.value.reason is FallbackReason.PRIVACY
