"""One request of the Responses API before a store: what it goes on from is put before its input, and its answer is kept."""

import json
import uuid
from typing import Any

from hostd.backends.in_turn import in_turn
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.openai import stored_responses as stored
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from hostd.domain.principal import Principal
from hostd.gateway.body_reader import BodyReader
from hostd.gateway.context import RequestContext
from hostd.gateway.request import read_request
from hostd.gateway.responses.store import KeptResponse, ResponseStore


def owner_of(principal: Principal) -> str:
    """Return whose responses a sender may see: its own."""
    return f"{principal.kind}:{principal.client or ''}"


class ResponseKeeper:
    """Keeps the answer to one request, which is *previous*'s next turn if that is not empty, with *items* as its input."""

    def __init__(
        self, store: ResponseStore, owner: str, response_id: str, previous: str, items: list[dict[str, Any]]
    ) -> None:
        self._store = store
        self._owner = owner
        self._id = response_id
        self._previous = previous
        self._items = items

    async def keep(self, response: bytes, *, private: bool) -> None:
        """Keep a whole *response* object; *private* says that it must not leave this machine."""
        kept = await in_turn(len(response), self._kept, response, private)
        await self._store.keep(kept)

    async def keep_stream(self, events: bytes, *, private: bool) -> None:
        """Keep the response with which a stream ends whose last *events* these are."""
        response = await in_turn(len(events), stored.final_response, events)
        if response is not None:
            await self.keep(response, private=private)

    def _kept(self, response: bytes, private: bool) -> KeptResponse:
        output = stored.output_of(response)
        named = {str(item["id"]): json.dumps(item).encode() for item in (*self._items, *output) if item.get("id")}
        given, made = json.dumps(self._items).encode(), json.dumps(output).encode()
        return KeptResponse(self._id, self._owner, private, self._previous, given, made, response, named)


async def prepared(
    ctx: RequestContext, store: ResponseStore, reader: BodyReader
) -> tuple[InferenceRequest, ResponseKeeper | None]:
    """Return what a request asks, with all that was said before it, and what keeps its answer, if its client does not decline.

    Raises:
        RequestError: It cannot be read, or goes on from what is not there.
        CapacityError: The store cannot be used.
    """
    body, owner = await ctx.request.read(), owner_of(ctx.principal)
    document = await in_turn(len(body), RequestDocument.parse, body)
    previous, references = stored.previous_of(document), stored.references_in(document)
    said: tuple[bytes, ...] = ()
    private, own = False, document
    if previous:
        found = await store.conversation(owner, previous)
        if found is None:
            raise RequestError(
                f"there is no response '{previous}'; it was not stored, is too old, or was deleted with what it goes on from",
                code="previous_response_not_found",
                param=stored.PREVIOUS,
            )
        said, private = found
    if previous or references:
        items, of_private = await store.items(owner, references)
        private = private or of_private
        known = {name: json.loads(item) for name, item in items.items()}
        document = await in_turn(sum(map(len, said)) + len(body), stored.continued, own, said, known)
        own = await in_turn(len(body), stored.continued, own, (), known)
        body = await in_turn(document.size, document.encode)
    request = await read_request(body, Dialect.OPENAI_RESPONSES, reader)
    if previous:
        request = request._replace(document=request.document.replace({stored.PREVIOUS: previous}))
    request = request._replace(private=private)
    if document.get("store") is False:
        return request, None
    response_id = f"resp_{uuid.uuid4().hex}"
    given = await in_turn(own.size, stored.input_items, own, response_id)
    keeper = ResponseKeeper(store, owner, response_id, previous, given)
    return request._replace(kept_as=response_id), keeper
