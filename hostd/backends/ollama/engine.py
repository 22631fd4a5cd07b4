"""Ollama, started by hostd for one profile, or already running at an address.

One that hostd starts serves a single model from the owner's store, on a port of its own, with the plan's context, slots, cache
type and devices; told another context later, Ollama would load the model again. A server at a url keeps its owner's settings,
and hostd unloads from it only what it had it load.

The server runs before any model is loaded, and the load is requested (`Ollama.open`). Requests are sent to its OpenAI routes,
which keep the settings that the model was loaded with. https://github.com/ollama/ollama/tree/main/docs
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from hostd.backends.addresses import keep_private, root_of
from hostd.backends.contract import Attachment, Endpoint, Engine, Launch, ServerFacts
from hostd.backends.devices import visible_devices
from hostd.backends.environment import engine_environment, owner_environment
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp.placement import elastic_variables
from hostd.backends.ollama import client, context_guard, refusals, thinking
from hostd.backends.ollama.client import LONGEST_LOAD, asked, keep, loaded
from hostd.backends.ollama.store import full_name, home, store_of
from hostd.backends.one_choice import refuse_several
from hostd.backends.thinking import ThinkingWords
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.locality import is_loopback
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.domain.thinking import ThinkingControl, ThinkingWish
from hostd.planning.footprint.ollama_serving import SERVED_ALONE
from hostd.planning.warm_set.load_option import LoadOption
from hostd.programs import find_program

log = structlog.get_logger()

DEFAULT = ("ollama",)
FOR_EVER = -1
ITS_OWN = "5m"
"""How long Ollama keeps a model by default."""

_KV_TYPES = ("f16", "q8_0", "q4_0")
_FLASH = {"on": "1", "True": "1", "off": "0", "False": "0"}
_QUEUE = 64


@dataclass(frozen=True, slots=True)
class _Held:
    """What is known of a server: *layers* to request, its *context*, and whether hostd had it load its model (*ours*)."""

    context: int | None = None
    layers: int | None = None
    ours: bool = False


class Ollama(Engine):
    """The backend ``ollama``; *command* is what the owner configured, empty for none."""

    name = "ollama"

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command
        self._held: dict[tuple[str, str], _Held] = {}

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can."""
        if variant.backend != self.name:
            return f"backend '{variant.backend}' is not {self.name}"
        if not variant.tag:
            return "an Ollama variant needs a tag, such as qwen3.5:9b"
        if variant.tag.endswith(("-cloud", ":cloud")):
            return f"{variant.tag} is not run by this machine but by ollama.com; choose a tag without cloud"
        return None

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:
        """Return if a load may begin; raises as `launch` does. A server at a url is asked when it loads the model."""
        if variant.url is None:
            self._program()
            store_of(str(variant.tag), os.environ)
            settings(profile, option)
        else:
            keep_private(profile, variant.url)

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:  # noqa: ARG002
        """Return how to start a server for *variant* on loopback *port*. It knows no keys.

        Raises:
            EngineError: Ollama is not installed, no store has the tag, or the profile cannot be served by it.
        """
        tag = self._tag(variant)
        endpoint = Endpoint(url=f"http://127.0.0.1:{port}", model=tag, strict_model=True)
        self._held[endpoint.url, endpoint.model] = _Held(profile.context, option.gpu_layers if option else None)
        places = {
            "HOME": str(home(os.environ)),
            "OLLAMA_HOST": f"127.0.0.1:{port}",
            "OLLAMA_MODELS": str(store_of(tag, os.environ)),
        }
        devices = visible_devices(option, owner_environment(self.settings, profile))
        return Launch(
            argv=(*self._program(), "serve"),
            env=engine_environment(os.environ) | places | settings(profile, option) | devices,
            endpoint=endpoint,
            health="/api/version",
            slots=1 if profile.capabilities.embeddings else profile.slots,
            devices=devices,
        )

    def attach(self, profile: Profile, variant: Variant) -> Attachment:
        """Return where the running server is.

        Raises:
            EngineError: The tag is not one that this machine runs, or the server is elsewhere and the profile private.
        """
        tag, url = self._tag(variant), str(variant.url)
        keep_private(profile, url)
        endpoint = Endpoint(url=root_of(url), model=tag, strict_model=True, local=is_loopback(url))
        self._held[endpoint.url, endpoint.model] = _Held()
        return Attachment(endpoint, health="/api/version", slots=profile.slots)

    def classify(self, status: int, tail: tuple[str, ...]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean."""
        return client.classify(status, tail)

    async def open(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Load the model, and keep it loaded.

        Raises:
            EngineError: The server does not have it, cannot load it, or would forward it to ollama.com.
        """
        remote = (await asked(http, endpoint, "/api/show", {"model": endpoint.model})).get("remote_host")
        if remote:
            raise EngineError(
                f"{endpoint.model} is not run by this machine but by {remote}; choose another tag",
                exit_class=ExitClass.BAD_FLAG,
            )
        held = self._held.get((endpoint.url, endpoint.model), _Held())
        # Only what was not loaded before is unloaded at the end.
        before = await loaded(endpoint)
        await keep(endpoint, FOR_EVER, None if held.layers is None else {"num_gpu": held.layers})
        context = (await loaded(endpoint)).get(full_name(endpoint.model))
        if context is not None and held.context is not None and context < held.context:
            log.warning("context_is_shorter", model=endpoint.model, asked=held.context, context=context)
        ours = full_name(endpoint.model) not in before
        self._held[endpoint.url, endpoint.model] = replace(held, context=context or held.context, ours=ours)

    async def close(self, http: HttpClient, endpoint: Endpoint) -> None:  # noqa: ARG002
        """Unload the model if it was loaded for hostd, else leave it to Ollama's own time limit. Errors are ignored."""
        held = self._held.pop((endpoint.url, endpoint.model), _Held())
        with suppress(EngineError):
            await keep(endpoint, 0 if held.ours else ITS_OWN)

    async def ensure_fits(self, http: HttpClient, endpoint: Endpoint, body: Mapping[str, Any]) -> None:
        """Return if *body*, as it would be sent, fits the context; see `context_guard`.

        Raises:
            RequestError: It does not; Ollama would truncate it silently.
            ExchangeError: The server does not answer.
        """
        context = self._held.get((endpoint.url, endpoint.model), _Held()).context
        if context is not None:
            await context_guard.ensure_fits(http, endpoint.url, endpoint.headers, body, context)

    def refusal(self, message: str) -> RequestError | None:
        """Return the client's mistake that *message* tells of."""
        return refusals.PATTERNS.find(refusals.plain(message))

    def think(
        self,
        endpoint: Endpoint,  # noqa: ARG002 - all servers are told alike
        wish: ThinkingWish,
        body: Mapping[str, Any],  # noqa: ARG002 - nothing of its words is known there
        control: ThinkingControl | None,
    ) -> ThinkingWords:
        """Return *wish* as Ollama is told it."""
        return thinking.words(wish, control)

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a request's *body* as Ollama's OpenAI routes take it.

        They do not know OpenAI's newer fields: the role ``developer``, which templates drop, ``max_completion_tokens`` and a
        ``tool_choice`` of ``none``; nor a list of one prompt.

        Raises:
            RequestError: The request is certainly too long for the context, or asks for several answers.
        """
        refuse_several(body)
        adapted = {**body, "model": endpoint.model}
        if "max_completion_tokens" in body:
            adapted["max_tokens"] = adapted.pop("max_completion_tokens")
        if body.get("tool_choice") == "none":
            adapted.pop("tools", None)
        prompt = body.get("prompt")
        if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
            adapted["prompt"] = prompt[0]
        if isinstance(body.get("messages"), list):
            adapted["messages"] = [_known_role(message) for message in body["messages"]]
        context = self._held.get((endpoint.url, endpoint.model), _Held()).context
        if context is not None:
            context_guard.refuse_certain(adapted, context)
            if "input" not in adapted:
                free = context_guard.room_for_answer(adapted, context)
                asked = adapted.get("max_tokens")
                adapted["max_tokens"] = min(asked, free) if isinstance(asked, int) and asked >= 0 else free
        return adapted

    async def card_share(self, http: HttpClient, endpoint: Endpoint) -> float | None:
        """Return what share of the model Ollama has on cards: it loads without them what it cannot load with them."""
        held = (await asked(http, endpoint, "/api/ps")).get("models") or ()
        ours = [each for each in held if full_name(str(each.get("model"))) == full_name(endpoint.model)]
        total = sum(int(each.get("size") or 0) for each in ours)
        return sum(int(each.get("size_vram") or 0) for each in ours) / total if total else None

    async def describe(self, http: HttpClient, endpoint: Endpoint) -> ServerFacts:
        """Return what the server at *endpoint* reports about itself, as far as it answers."""
        version = await asked(http, endpoint, "/api/version")
        tags = await asked(http, endpoint, "/api/tags")
        shown = await asked(http, endpoint, "/api/show", {"model": endpoint.model})
        can = shown.get("capabilities")
        trained = [value for name, value in (shown.get("model_info") or {}).items() if name.endswith(".context_length")]
        held = self._held.get((endpoint.url, endpoint.model), _Held())
        return ServerFacts(
            version=version.get("version"),
            context=held.context or next(iter(trained), None),
            slots=1 if (shown.get("details") or {}).get("family") in SERVED_ALONE else None,
            tools="tools" in can if isinstance(can, list) else None,
            vision="vision" in can if isinstance(can, list) else None,
            embeddings="embedding" in can if isinstance(can, list) else None,
            models=tuple(str(model.get("name")) for model in tags.get("models") or ()),
            thinking=thinking.shown_control(shown),
        )

    def _tag(self, variant: Variant) -> str:
        """Return the tag to serve; raises as `launch` does."""
        reason = self.accepts(variant)
        if reason is not None or variant.tag is None:
            raise EngineError(reason or "", exit_class=ExitClass.BAD_FLAG)
        return variant.tag

    def _program(self) -> tuple[str, ...]:
        """Return the argv prefix of the Ollama that this host has.

        Raises:
            EngineError: There is none; class missing_file.
        """
        named = self._command or DEFAULT
        program = find_program(named[0])
        if program is not None:
            return (program, *named[1:])
        advice = "correct backends.ollama.command in hostd.yaml" if self._command else "see https://ollama.com/download"
        raise EngineError(f"the command '{named[0]}' was not found; {advice}", exit_class=ExitClass.MISSING_FILE)


def settings(profile: Profile, option: LoadOption | None) -> dict[str, str]:
    """Return the variables that set how Ollama serves *profile*; the profile's other ``args`` have no counterpart.

    Raises:
        EngineError: It has no such type of KV cache; class bad_flag.
    """
    if profile.kv_type not in _KV_TYPES:
        raise EngineError(
            f"Ollama keeps its KV cache as {', '.join(_KV_TYPES)}, not as {profile.kv_type}; change kv_type",
            exit_class=ExitClass.BAD_FLAG,
        )
    said = {
        # All memory of this server counts as this model's.
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_NUM_PARALLEL": str(profile.slots),
        "OLLAMA_KEEP_ALIVE": str(FOR_EVER),
        "OLLAMA_LOAD_TIMEOUT": f"{LONGEST_LOAD}s",
        # hostd queues requests itself, so Ollama's queue is never long.
        "OLLAMA_MAX_QUEUE": str(_QUEUE),
        # Without this, a tag may be forwarded to ollama.com, and prompts with it.
        "OLLAMA_NO_CLOUD": "1",
        # Another Ollama may be in the middle of a download into the same store.
        "OLLAMA_NOPRUNE": "1",
    }
    if profile.context is not None:
        said["OLLAMA_CONTEXT_LENGTH"] = str(profile.context)
    if profile.kv_type != "f16":
        said["OLLAMA_KV_CACHE_TYPE"] = profile.kv_type
    flash = _FLASH.get(str(profile.args.get("flash-attn")))
    if flash is not None:
        said["OLLAMA_FLASH_ATTENTION"] = flash
    left_out = sorted(set(profile.args) - {"flash-attn"})
    if left_out:
        log.warning("flags_left_out", model=profile.name, backend=Ollama.name, flags=left_out)
    # Ollama gives its environment on to the llama-server that it starts.
    return said | elastic_variables(option)


def _known_role(message: object) -> object:
    if isinstance(message, dict) and message.get("role") == "developer":
        return {**message, "role": "system"}
    return message
