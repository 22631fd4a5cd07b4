"""An exchange with an upstream outside of this machine that is told placeholders in the place of private data."""

from hostd.backends.in_turn import in_turn
from hostd.dialects.base import Dialect
from hostd.dialects.request_document import RequestDocument
from hostd.domain.reason import FallbackReason
from hostd.gateway.forwarding.attempt_errors import RetryableFailure
from hostd.gateway.forwarding.stream_relay import Rewrite
from hostd.privacy.masking import Mask
from hostd.privacy.restoring import STREAMS


class MaskedExchange:
    """What is *spoken* to an upstream with *mask* and without; None leaves all as it is.

    Raises:
        RetryableFailure: Streams of that dialect cannot be restored.
    """

    def __init__(self, mask: Mask | None, spoken: Dialect) -> None:
        if mask is not None and spoken not in STREAMS:
            raise RetryableFailure(FallbackReason.PRIVACY, f"what is masked cannot be put back into {spoken}")
        self._mask = mask
        self._spoken = spoken

    async def request(self, document: RequestDocument) -> RequestDocument:
        """Return *document* with placeholders."""
        mask = self._mask
        if mask is None:
            return document
        return await in_turn(document.size, lambda: RequestDocument.of(mask.mask(dict(document))))

    def restored(self, payload: bytes) -> bytes:
        """Return the body of a response, *payload*, with the data again."""
        return payload if self._mask is None else self._mask.restore_bytes(payload)

    def rewrite(self) -> Rewrite | None:
        """Return what puts the data back into a stream; None where none is to be put back."""
        return None if self._mask is None else STREAMS[self._spoken](self._mask).feed


UNMASKED = MaskedExchange(None, Dialect.OPENAI_CHAT)
"""Leaves all as it is, in any dialect."""
