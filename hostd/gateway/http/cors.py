"""What a browser is told of a page that is let in: that it may read answers, and before it asks what it may ask.

The headers are those of the CORS protocol (https://fetch.spec.whatwg.org/#http-cors-protocol) and of Private Network Access.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from hostd.gateway.forwarding.request_trace import header_lines

SAFE = header_lines(
    {
        # No answer is a script or a style, whatever a prompt has put into it, and none is there to be embedded by other sites.
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Vary": "Origin",
    }
)
"""Headers of every answer, as lines of a head."""

_EXPOSED = (
    "x-request-id, request-id, x-hostd-model, x-hostd-backend, x-hostd-route, x-hostd-attempts, x-hostd-queue-ms, "
    "x-hostd-cost-usd, x-hostd-left-out, x-hostd-guardrail, x-hostd-cascade, "
    "x-hostd-context-fit, x-should-retry, Retry-After, Server-Timing"
)
# Chrome keeps a preflight's answer for two hours at most, Firefox for a day; a change of the settings should not take that long.
_MAX_AGE = "600"
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+){0,63}")


@lru_cache(maxsize=64)
def readable_by(origin: str) -> str:
    """Return the headers of every answer to an accepted page of *origin*, as lines of a head."""
    return SAFE + header_lines({"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED})


def options_headers(asked: Mapping[str, str], methods: Iterable[str]) -> dict[str, str]:
    """Return the headers that answer an OPTIONS request with the headers *asked*, for a path that takes *methods*."""
    allowed = ", ".join([*methods, "OPTIONS"])
    headers = {"Allow": allowed}
    if "Origin" in asked and "Access-Control-Request-Method" in asked:
        headers["Access-Control-Allow-Methods"] = allowed
        headers["Access-Control-Max-Age"] = _MAX_AGE
        names = asked.get("Access-Control-Request-Headers", "")
        if _NAMES.fullmatch(names):
            # Which headers clients send is their business: those that hostd does not know it ignores.
            headers["Access-Control-Allow-Headers"] = names
        if asked.get("Access-Control-Request-Private-Network") == "true":
            headers["Access-Control-Allow-Private-Network"] = "true"
    return headers
