"""A request's body is read once, within the limits of one body and of all of them, and understood as far as routing needs."""

import asyncio

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from hostd.backends.in_turn import in_turn
from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.domain.errors import RequestError
from hostd.gateway.body_reader import BodyReader
from hostd.gateway.http import content_encoding
from hostd.gateway.http.body_budget import BodyBudget

READ_AT_ONCE = 96 * 1024
"""Bytes of a body that are read in the event loop: most in 0.3 ms, the worst grammars and schemas in some 30."""


class HttpRequest(web.BaseRequest):
    """A request whose body is counted in *budget*, which bounds it packed and unpacked, until it is given back."""

    ATTRS = web.BaseRequest.ATTRS | frozenset({"_budget", "_held"})

    def __init__(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
        *,
        budget: BodyBudget,
    ) -> None:
        super().__init__(message, payload, protocol, writer, task, protocol._loop, client_max_size=budget.largest)  # noqa: SLF001
        self._budget = budget
        self._held = 0

    @property
    def stuck(self) -> bool:
        """Whether the client may wait for a word before it sends the body, or nobody can tell any more where the body ends."""
        return not self._payload.is_eof() and ("Expect" in self._headers or self._payload.exception() is not None)

    async def read(self) -> bytes:
        """Return the body, unpacked.

        Raises:
            RequestError: It is too large, packed in a way that hostd does not know, or broken.
            CapacityError: Other requests hold too many bytes.
        """
        if self.received() is None:
            encoding = content_encoding.encoding_of(self._headers.get("Content-Encoding"))
            if not self._payload.is_eof() and (self.content_length or 0) > self._client_max_size:
                raise too_large(self._client_max_size)
            if "Expect" in self._headers:
                await self._ask_for_body()
            body = await self._receive()
            self._read_bytes = await self._unpack(body, encoding) if encoding and body else body
        return self._read_bytes or b""

    def received(self) -> bytes | None:
        """Return the body if nothing has to be waited for: it came together with its head, as nearly all do, and is not packed.

        Raises:
            RequestError, CapacityError: As for `read`.
        """
        headers = self._headers
        if (
            self._read_bytes is None
            and self._payload.is_eof()
            and "Content-Encoding" not in headers
            and "Expect" not in headers
        ):
            body = self._payload.read_nowait(-1)
            self._take(len(body))
            if self._held > self._client_max_size:
                raise too_large(self._client_max_size)
            self._read_bytes = body
        return self._read_bytes

    def give_back(self) -> None:
        """Count the body no more: the request is over."""
        self._budget.give(self._held)
        self._held = 0

    async def _ask_for_body(self) -> None:
        """Answer ``Expect`` (RFC 9110, section 10.1.1), unless the body is on its way already."""
        if self._headers["Expect"].strip().lower() != "100-continue":
            raise RequestError("hostd knows the Expect 100-continue only; leave it out", code="bad_request", status=417)
        if self.version >= HttpVersion11 and not self._payload.is_eof() and not self._payload.total_raw_bytes:
            await self._payload_writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # What was sent is no part of the answer.
            self._payload_writer.output_size = 0

    async def _receive(self) -> bytes:
        pieces: list[bytes] = []
        while piece := await self._next_piece():
            self._take(len(piece))
            if self._held > self._client_max_size:
                raise too_large(self._client_max_size)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else await in_turn(self._held, b"".join, pieces)

    async def _next_piece(self) -> bytes:
        if self.protocol.transport is None and not self._payload.is_eof():
            # aiohttp has no error of its own for a read after the connection was closed.
            raise ConnectionResetError
        return await self._payload.readany()

    async def _unpack(self, body: bytes, encoding: str) -> bytes:
        try:
            unpacked = await content_encoding.unpack(body, encoding, self._client_max_size, self._take)
        except content_encoding.TooLongError:
            raise too_large(self._client_max_size) from None
        # The packed body is gone, and the last piece was smaller than it might have been.
        self._budget.give(self._held - len(unpacked))
        self._held = len(unpacked)
        return unpacked

    def _take(self, count: int) -> None:
        self._budget.take(count)
        self._held += count


async def parse_request(request: web.BaseRequest, dialect: Dialect, reader: BodyReader) -> InferenceRequest:
    """Return what *request* asks of a model.

    Raises:
        RequestError: It is too large, is no JSON object, or names no model.
    """
    client = registry.client_dialect(dialect)
    body = request.received() if isinstance(request, HttpRequest) else None
    if body is None:
        body = await request.read()
    found = client.parse(body) if len(body) <= READ_AT_ONCE else await read_request(body, dialect, reader)
    if not client.passed_headers:
        return found
    return found._replace(headers={name: text for name in client.passed_headers if (text := request.headers.get(name))})


async def read_request(body: bytes, dialect: Dialect, reader: BodyReader) -> InferenceRequest:
    """Return what *body* asks of a model; large ones are read by *reader*.

    Raises:
        RequestError: It is no JSON object, or names no model.
    """
    if len(body) <= READ_AT_ONCE:
        return registry.client_dialect(dialect).parse(body)
    return await reader.read(dialect, body)


def too_large(limit: int) -> RequestError:
    """Return the error for a body of more than *limit* bytes."""
    return RequestError(
        f"the request body is larger than {limit / 2**20:g} MiB; 'server.max_body' in hostd.yaml sets that limit",
        code="request_too_large",
        status=413,
    )
