"""What a running llama-server says of itself, read from ``/props``."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from hostd.backends.contract import Endpoint, ServerFacts

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_UNSAID = "b0-"


async def describe(http: aiohttp.ClientSession, endpoint: Endpoint) -> ServerFacts:
    """Return what the server at *endpoint* says; nothing where it does not answer.

    The version is None for a build whose packager left its number out.
    """
    props = await _json(http, endpoint, "/props")
    named = await _json(http, endpoint, "/v1/models")
    settings, can, modalities = (
        _table(props.get(name)) for name in ("default_generation_settings", "chat_template_caps", "modalities")
    )
    build = str(props.get("build_info") or "")
    return ServerFacts(
        version=None if not build or build.startswith(_UNSAID) else build,
        context=_number(settings.get("n_ctx")),
        slots=_number(props.get("total_slots")),
        tools=_truth(can.get("supports_tools")),
        vision=_truth(modalities.get("vision")),
        models=tuple(str(each.get("id")) for each in named.get("data") or () if isinstance(each, dict)),
    )


async def _json(http: aiohttp.ClientSession, endpoint: Endpoint, path: str) -> Mapping[str, Any]:
    try:
        async with http.get(f"{endpoint.url}{path}", headers=endpoint.headers, timeout=_TIMEOUT) as answer:
            body = await answer.json(content_type=None) if answer.status == 200 else {}
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return {}
    return _table(body)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
