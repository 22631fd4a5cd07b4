"""What a running llama-server reports about itself in ``/props``."""

from collections.abc import Mapping
from typing import Any

from hostd.backends.contract import Endpoint, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp import native_messages, system_messages
from hostd.backends.llamacpp.thinking import template_control

_TIMEOUT = 5.0
_UNKNOWN_BUILD = "b0-"


async def describe(http: HttpClient, endpoint: Endpoint) -> ServerFacts:
    """Return what the server at *endpoint* reports; nothing where it does not answer.

    The version is None for a build whose packager left its number out.
    """
    props = await _json(http, endpoint, "/props")
    listed = await _json(http, endpoint, "/v1/models")
    settings, caps, modalities = (
        _mapping(props.get(name)) for name in ("default_generation_settings", "chat_template_caps", "modalities")
    )
    build, template = str(props.get("build_info") or ""), props.get("chat_template")
    control = await template_control(http, endpoint, template) if isinstance(template, str) else None
    return ServerFacts(
        version=None if not build or build.startswith(_UNKNOWN_BUILD) else build,
        context=_number(settings.get("n_ctx")),
        slots=_number(props.get("total_slots")),
        tools=_boolean(caps.get("supports_tools")),
        vision=_boolean(modalities.get("vision")),
        models=tuple(str(each.get("id")) for each in listed.get("data") or () if isinstance(each, dict)),
        thinking=control,
        # Where nothing is rendered at all, nothing is known.
        late_system=await system_messages.anywhere(http, endpoint) if control is not None else None,
        messages=await native_messages.has_messages(http, endpoint) or None,
    )


async def _json(http: HttpClient, endpoint: Endpoint, path: str) -> Mapping[str, Any]:
    return _mapping(await http.document(f"{endpoint.url}{path}", endpoint.headers, seconds=_TIMEOUT))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
