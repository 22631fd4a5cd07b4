"""What of a request shows that it goes round in a circle, and what is passed on so that the next gateway sees it, too."""

import itertools
import re
import secrets
from collections.abc import Mapping
from hashlib import blake2b

from multidict import istr

from hostd.dialects.base import InferenceRequest
from hostd.domain.errors import RequestError
from hostd.domain.profile import Variant
from hostd.routing.loop_guard import LoopSigns

# Their case is folded here once, and not at each look-up.
_HOP_HEADER, _TRACE_HEADER = istr("X-Hostd-Hop"), istr("Traceparent")
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""A ``traceparent`` (https://www.w3.org/TR/trace-context)."""
_TRACE_PREFIX = secrets.token_hex(8)
_TRACE_NUMBERS = itertools.count(secrets.randbits(62))
"""What tells traces of this process from others, and from each other; random bits for each would be half of what a head costs."""
_MOST_HOPS = 1000
_LISTS = ("messages", "input")
_TEXTS = ("prompt", "input", "query")
_END = 64 * 1024
"""Bytes of a last message that tell it from others, with its length."""


def signs_of(headers: Mapping[str, str], inference: InferenceRequest, session: str | None) -> LoopSigns | None:
    """Return what *headers* and the request, which belongs to *session*, show; None where they show nothing.

    Raises:
        RequestError: ``x-hostd-hop`` is no number.
    """
    hop, trace = headers.get(_HOP_HEADER), headers.get(_TRACE_HEADER)
    if hop is trace is session is None:
        return None
    if hop is not None and not (hop.isascii() and hop.isdigit() and int(hop[:9]) <= _MOST_HOPS):
        raise RequestError(
            f"x-hostd-hop: '{hop[:40]}' is no number of gateways", code="bad_request", param="x-hostd-hop"
        )
    known = trace if trace is not None and _TRACE.fullmatch(trace) else None
    said = sum(inference.document.size_of(name) for name in {*_LISTS, *_TEXTS})
    return LoopSigns(_last_message(inference), said, int(hop or 0), known, session)


def leads_on(variant: Variant) -> bool:
    """Return whether what is sent to *variant* leaves hostd for a server of others, which may send it back."""
    return variant.url is not None or variant.provider is not None


def passed_on(signs: LoopSigns | None, variant: Variant) -> dict[str, str]:
    """Return the headers by which a server that is *variant* can tell a circle; none for an engine of hostd's own.

    A provider's servers lead back to nobody: they are not told whose trace it is.
    """
    if not leads_on(variant):
        return {}
    told = {"x-hostd-hop": "1" if signs is None else str(signs.hops + 1)}
    if variant.provider is None:
        told["traceparent"] = (signs and signs.trace) or _new_trace()
    return told


def _new_trace() -> str:
    number = f"{next(_TRACE_NUMBERS):016x}"
    return f"00-{_TRACE_PREFIX}{number}-{number}-00"


def _last_message(inference: InferenceRequest) -> str:
    document, digest = inference.document, blake2b(digest_size=16)
    found = next((end for name in _LISTS if (end := document.end_of(name)) is not None), None)
    if found is None:
        found = next((text for name in _TEXTS if (text := document.texts().get(name)) is not None), b"")
    view = memoryview(found)
    digest.update(f"{view.nbytes} ".encode())
    digest.update(view[-_END:])
    return digest.hexdigest()
