"""What running servers of several makes report about themselves beside OpenAI's routes, each under its own keys.

LM Studio https://lmstudio.ai/docs/developer/rest/endpoints, vLLM and SGLang put ``max_model_len`` into the list of models,
llama.cpp https://github.com/ggml-org/llama.cpp/tree/master/tools/server has /props, TabbyAPI
https://github.com/theroyallab/tabbyAPI/wiki has /v1/model, SGLang /get_server_info, another hostd /hostd/v1/status.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from hostd.backends.contract import Endpoint, ServerFacts
from hostd.backends.http.client import HttpClient

_PATIENCE = 2.0
_ROUTES = ("/v1/models", "/api/v0/models", "/props", "/v1/model", "/get_server_info", "/version", "/hostd/v1/status")
_CONTEXTS = (
    *("loaded_context_length", "context_length", "max_model_len", "context_len", "max_seq_len", "n_ctx"),
    *("context_window", "max_context_length"),
)
_SLOTS = ("total_slots", "max_running_requests", "max_batch_size")


async def facts(http: HttpClient, endpoint: Endpoint) -> ServerFacts:
    """Return what the server reports, asking all routes at once; most servers have two or three of them."""
    answers = await asyncio.gather(*(_document(http, endpoint, route) for route in _ROUTES))
    listed, studio, props, tabby, sglang, version, status = answers
    own = [entry for entry in (*_entries(studio), *_entries(listed)) if entry.get("id") == endpoint.model]
    places = [*_nested(own), props, props.get("default_generation_settings"), tabby.get("parameters"), sglang]
    kind, can = _first(places, ("type",), str), _first(places, ("capabilities",), list)
    modalities = props.get("modalities")
    sees = modalities.get("vision") if isinstance(modalities, dict) else None
    return ServerFacts(
        version=_first([version, status, sglang], ("version",), str) or _build(props),
        context=_first(places, _CONTEXTS, int),
        slots=_first(places, _SLOTS, int),
        tools=True if can and "tool_use" in can else None,
        vision=bool(sees) if sees is not None else True if kind == "vlm" else None,
        embeddings=True if kind == "embeddings" else None,
        models=names(listed),
    )


def names(listed: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the models in an answer to /v1/models."""
    return tuple(str(entry["id"]) for entry in _entries(listed) if entry.get("id"))


def _build(props: Mapping[str, Any]) -> str | None:
    """Return the build of a llama-server; one that was built without its history says ``b0-unknown``."""
    build: str | None = _first([props], ("build_info",), str)
    return None if build == "b0-unknown" else build


async def _document(http: HttpClient, endpoint: Endpoint, path: str) -> dict[str, Any]:
    found = await http.document(endpoint.url + path, endpoint.headers, seconds=_PATIENCE)
    return found if isinstance(found, dict) else {}


def _entries(listed: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = listed.get("data")
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _nested(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each entry of the model, then its ``meta``, where llama.cpp has the numbers."""
    for entry in entries:
        yield entry
        if isinstance(entry.get("meta"), dict):
            yield entry["meta"]


def _first(places: list[Any], keys: tuple[str, ...], kind: type) -> Any:
    found = (place.get(key) for place in places if isinstance(place, dict) for key in keys)
    return next((value for value in found if type(value) is kind and value), None)
