"""Requests to an Ollama that are no inference, by Ollama's own client library."""

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp import faults
from hostd.backends.ollama.store import full_name
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass

if TYPE_CHECKING:
    from ollama import AsyncClient

LONGEST_LOAD = 1800
"""Seconds after which a load is given up; Ollama's own limit would be five minutes without progress."""

_OUT_OF_MEMORY = ("requires more system memory", "out-of-memory", "not enough memory", "allocation failed")
_UNREADABLE = re.compile(
    r"invalid file magic|unsupported (version \d|model format)|exceeds file size|incompatible with your version"
)
_EMBEDS_ONLY = "does not support generate"
_QUOTING = re.compile(r"^llama-server process has terminated: (exit status -?\d+: )?")
_ASKING = 10.0


async def keep(endpoint: Endpoint, keep_alive: int | str, options: Mapping[str, int] | None = None) -> None:
    """Load the model if it is not loaded, and keep it for *keep_alive* (0: unload it).

    Raises:
        EngineError: The server does not have it, cannot load it, or does not answer.
    """
    # The client takes a sixth of a second to import, which only a host with an Ollama profile should pay.
    import httpx  # noqa: PLC0415
    import ollama  # noqa: PLC0415

    model = endpoint.model
    try:
        async with asyncio.timeout(LONGEST_LOAD), _client(endpoint) as client:
            try:
                await client.generate(model=model, keep_alive=keep_alive, options=options)
            except ollama.ResponseError as error:
                if _EMBEDS_ONLY not in str(error.error):
                    raise
                # A model that only embeds is loaded by nothing to embed; without any, generate unloads it like any other.
                await client.embed(model=model, input="", keep_alive=keep_alive, options=options)
    except ollama.ResponseError as error:
        said = str(error.error)
        if error.status_code == 404:
            raise EngineError(
                f"Ollama does not have {model}; run: hostd pull ollama:{model}", exit_class=ExitClass.MISSING_FILE
            ) from error
        raise EngineError(
            f"Ollama could not load {model}: {said[:500]}", exit_class=classify(1, (said,)), tail=(said,)
        ) from error
    except TimeoutError as error:
        raise EngineError(f"Ollama did not load {model} within {LONGEST_LOAD} s") from error
    except (httpx.HTTPError, OSError) as error:
        raise EngineError(f"Ollama at {endpoint.url} does not answer ({type(error).__name__})") from error


async def loaded(endpoint: Endpoint) -> dict[str, int | None]:
    """Return the models that the server holds, with the context of each; none where it does not answer."""
    import httpx  # noqa: PLC0415 - as above
    import ollama  # noqa: PLC0415 - as above

    try:
        async with asyncio.timeout(_ASKING), _client(endpoint) as client:
            held = (await client.ps()).models
    except (ollama.ResponseError, httpx.HTTPError, OSError, TimeoutError, ValueError):
        return {}
    return {full_name(str(model.model)): model.context_length for model in held}


async def asked(
    http: HttpClient, endpoint: Endpoint, path: str, question: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the document that the server answers with; empty where it has none. Ollama's client drops the fields needed here."""
    found = await http.document(endpoint.url + path, endpoint.headers, question, seconds=_ASKING)
    return found if isinstance(found, dict) else {}


def classify(status: int, tail: tuple[str, ...]) -> ExitClass:
    """Return the exit class of *status* and the last lines, Ollama's own or of the llama-server that it runs."""
    lines = tuple(_QUOTING.sub("", line) for words in tail for line in words.splitlines())
    found = faults.classify(status, lines)
    if found is ExitClass.UNKNOWN and status > 0 and any(_UNREADABLE.search(line) for line in lines):
        return ExitClass.MISSING_FILE
    if found is ExitClass.UNKNOWN and status > 0 and any(words in line for line in tail for words in _OUT_OF_MEMORY):
        return ExitClass.OUT_OF_MEMORY
    return found


def _client(endpoint: Endpoint) -> "AsyncClient":
    from ollama import AsyncClient  # noqa: PLC0415 - as above

    return AsyncClient(
        host=endpoint.url,
        # Otherwise the client would send $OLLAMA_API_KEY, which is for ollama.com, to this server.
        headers={"authorization": "Bearer none"},
        follow_redirects=False,
        trust_env=False,
    )
