"""llama.cpp: llama-server, wherever it comes from.

In order of choice: the command that the owner configured, ``llama-server`` on PATH, the server inside the ``xllamacpp``
wheel behind a launcher of hostd, and llama-cpp-python's server (`hostd.backends.llamacpp.python_server`). The first three speak
the same flags and routes; a configured command that ends in ``llama_cpp.server`` is taken for the fourth.

Flags that every build knows go on the command line. Settings that newer builds added go through the environment
(``LLAMA_ARG_*``), where a build that does not know them ignores them instead of refusing to start; so does the key, which
a command line would show to every user of the machine.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hostd.backends.contract import WITH_TASKS, Endpoint, Engine, Launch, ServerFacts
from hostd.backends.devices import visible_devices
from hostd.backends.environment import engine_environment, owner_environment
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp import facts as llamacpp_facts
from hostd.backends.llamacpp import (
    faults,
    gguf_file,
    native_messages,
    python_server,
    refusals,
    secret_flags,
    slot_files,
    slots,
    streaming,
    thinking,
    token_count,
)
from hostd.backends.llamacpp.build import LAUNCHER, build_of
from hostd.backends.llamacpp.command_line import arguments, flags, locate
from hostd.backends.llamacpp.flags import KnownFlags
from hostd.backends.llamacpp.gguf_header import refuse_damaged
from hostd.backends.llamacpp.help_page import HelpPages, is_executable, listens_on_sockets
from hostd.backends.llamacpp.log_quotations import QuotationFilter
from hostd.backends.llamacpp.placement import elastic_variables, owner_places
from hostd.backends.llamacpp.request_fields import FIELDS
from hostd.backends.thinking import ThinkingWords
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.openai.dialect import PATHS
from hostd.dialects.request_document import replaced
from hostd.domain.conversation import KeptConversations
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.profile import Flag, Profile, Variant
from hostd.domain.progress import EngineProgress
from hostd.domain.reason import ExitClass
from hostd.domain.thinking import ThinkingControl, ThinkingWish
from hostd.planning.warm_set.load_option import LoadOption

PROMPT_CACHE_MIB = 512
"""MiB of host memory for prompts whose slot was reused, where nobody has counted what is left. llama-server's own default,
8 GiB, is too much for many machines."""

PING_SECONDS = 2
"""llama-server notices SIGTERM in the middle of a stream only at its next ping; this must be shorter than the grace."""

VERBOSITY = 4
"""From this level on llama-server logs what it reserves, from which estimates are calibrated, and still nothing of any prompt."""

_SPOKEN = {**WITH_TASKS, Dialect.ANTHROPIC_TEXT: native_messages.PATH}
_OWN = {
    **dict.fromkeys(("model", "m"), "the variant's path"),
    **dict.fromkeys(("ctx-size", "c"), "the profile's context"),
    **dict.fromkeys(("parallel", "np"), "the profile's slots"),
    **dict.fromkeys(("alias", "a"), "the profile's name"),
    **dict.fromkeys(
        ("host", "port", "api-key", "api-key-file", "api-prefix", "ssl-key-file", "ssl-cert-file"), "hostd"
    ),
}


class LlamaCpp(Engine):
    """The backend ``llamacpp``; *command* is what the owner configured, empty for none."""

    name = "llamacpp"
    fields = FIELDS

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command
        self._program: tuple[str, ...] | None = None
        self._flags = KnownFlags()
        self._pages = HelpPages()

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can."""
        if variant.backend != self.name:
            return f"backend '{variant.backend}' is not {self.name}"
        if variant.path is None:
            return f"{variant.label} names no path; download the model and name its .gguf file"
        return None

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Return how to start *variant* on loopback *port*, protected by *key*, where *option* puts it.

        The profile's ``context`` is what one request may use, so llama-server, which divides its context among its
        slots, is given ``context * slots`` tokens. Without a ``context`` it takes the model's own, or as much of it as
        fits into memory, and any one request may use all of it while the other slots are idle.

        Raises:
            EngineError: No llama.cpp is installed, the file is no model, or ``args`` holds what hostd decides itself.
        """
        return self._launch(profile, variant, option, port, key)

    def launch_on_socket(
        self, profile: Profile, variant: Variant, option: LoadOption | None, socket: str, key: str
    ) -> Launch | None:
        """Return how to start *variant* on a unix *socket*; None for a build that does not know them; raises as `launch` does."""
        program, _, _ = self._prepared(profile, variant)
        if str(LAUNCHER) not in program:
            # A wrapper, in words or as a script, may lead into a container, where the path means another folder.
            alone = len(program) == 1 and is_executable(program[0])
            if not (alone and listens_on_sockets(self._pages.of(program, self._environment(profile, option)))):
                return None
        return self._launch(profile, variant, option, socket, key)

    def _launch(
        self, profile: Profile, variant: Variant, option: LoadOption | None, address: int | str, key: str
    ) -> Launch:
        program, path, size = self._prepared(profile, variant)
        python = program[-1] == python_server.MODULE
        profile, moved = secret_flags.moved(program, profile, self._environment(profile, option), self._pages)
        words = (python_server.arguments if python else arguments)(profile, path, address, option)
        kept = None if python else slot_files.slot_files(profile, path, program, words)
        devices = self._devices(profile, option)
        secret = {"API_KEY": key} if python else {"LLAMA_API_KEY": key} | _settings(profile, option)
        return Launch(
            argv=(*program, *self._flags.known(program, (*words, *slot_files.folder_words(kept)))),
            env=engine_environment(os.environ) | devices | secret | slot_files.variables(kept) | moved,
            endpoint=Endpoint(
                url="http://localhost" if isinstance(address, str) else f"http://127.0.0.1:{address}",
                model=profile.name,
                headers={"Authorization": f"Bearer {key}"},
                strict_model=python,
                speaks=PATHS if python else _SPOKEN,
                socket=address if isinstance(address, str) else None,
                keeps_connections=python,
            ),
            health="/v1/models" if python else "/health",
            slots=1 if python else profile.slots,
            expected_bytes=size,
            devices=devices,
            slot_files=kept,
        )

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:
        """Return if a load may begin: the weights are there, and the engine understands its flags. Blocks.

        A flag of hostd's own that this build does not know, and can do without, is left out from now on, and logged.

        Raises:
            EngineError: It would fail, with the exit class that it would fail with.
        """
        program, path, _ = self._prepared(profile, variant)
        refuse_damaged(path)
        if program[-1] == python_server.MODULE:
            python_server.check(program, profile)
            return
        environment = self._environment(profile, option)
        profile, moved = secret_flags.moved(program, profile, environment, self._pages)
        words = arguments(profile, path, 0, option)
        words += slot_files.folder_words(slot_files.slot_files(profile, path, program, words))
        environment |= _settings(profile, option) | moved
        self._flags.check(program, words, environment, tuple(flags(profile.args)))

    async def describe(self, http: HttpClient, endpoint: Endpoint) -> ServerFacts:
        """Return what the server at *endpoint* reports about itself, as far as it answers."""
        facts, program = await llamacpp_facts.describe(http, endpoint), self._program
        if program is None or facts.version is not None:
            return facts
        if program[-1] == python_server.MODULE:
            return replace(facts, slots=1)
        build = await asyncio.to_thread(build_of, program)
        return replace(facts, version=None if build is None else f"b{build}")

    def _prepared(self, profile: Profile, variant: Variant) -> tuple[tuple[str, ...], Path, int]:
        """Return the program, the model's file and its size in bytes; raises as `launch` does."""
        reason = self.accepts(variant)
        if reason is not None or variant.path is None:
            raise EngineError(reason or "", exit_class=ExitClass.MISSING_FILE)
        if self._program is None:
            self._program = locate(self._command)
        path = Path(variant.path).expanduser()
        size = gguf_file.check(path)
        _refuse_own(profile.args)
        return self._program, path, size

    def _environment(self, profile: Profile, option: LoadOption | None) -> dict[str, str]:
        """Return the environment in which the build is asked about itself: it may need the owner's variables to start at all."""
        return owner_environment(self.settings, profile) | self._devices(profile, option)

    def _devices(self, profile: Profile, option: LoadOption | None) -> dict[str, str]:
        environ = owner_environment(self.settings, profile)
        return visible_devices(option, environ, as_shown=owner_places(profile.args))

    def without_quotes(self) -> Callable[[str], str]:
        """Return a filter for the grammars, schemas and bodies that llama-server prints where it cannot read them."""
        return QuotationFilter()

    def classify(self, status: int, tail: tuple[str, ...]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean."""
        return faults.classify(status, tail)

    def refusal(self, message: str) -> RequestError | None:
        """Return the client's mistake that *message* tells of."""
        return refusals.PATTERNS.find(message)

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return a request's *body* as the engine at *endpoint* takes it, or None when the bytes can go as they are.

        llama-server puts its own name into every answer, except into one to an embeddings request.
        """
        adapted = (python_server.adapt if endpoint.strict_model else adapt)(body)
        renames = body.get("model") != endpoint.model and (endpoint.strict_model or "input" in body)
        return replaced(adapted or body, {"model": endpoint.model}) if renames else adapted

    def think(
        self, endpoint: Endpoint, wish: ThinkingWish, body: Mapping[str, Any], control: ThinkingControl | None
    ) -> ThinkingWords:
        """Return *wish* as llama-server is told it; of llama_cpp.server's template nothing is known."""
        return super().think(endpoint, wish, body, None) if control is None else thinking.words(wish, body, control)

    def spoken(self, endpoint: Endpoint, request: InferenceRequest, facts: ServerFacts) -> Mapping[Dialect, str]:
        """Return what the server speaks, without its messages where they would answer *request* worse; see `native_messages`."""
        if Dialect.ANTHROPIC_TEXT not in endpoint.speaks or native_messages.as_good(request, facts):
            return endpoint.speaks
        return WITH_TASKS

    def prefers_stream(self, endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
        """Return whether *body*, which asks for a whole answer, is better sent as a request for a stream; see `streaming`.

        llama_cpp.server never looks for disconnected clients, but its streams carry no usage.
        """
        return not endpoint.strict_model and streaming.better_streamed(body)

    async def progress(self, http: HttpClient, endpoint: Endpoint) -> EngineProgress | None:
        """Return what ``/slots`` reports; None from llama_cpp.server, which has no such route."""
        return None if endpoint.strict_model else await slots.progress(http, endpoint)

    def metrics_path(self, endpoint: Endpoint) -> str | None:
        """Return llama-server's route, which ``--metrics`` opens; llama_cpp.server has none."""
        return None if endpoint.strict_model else "/metrics"

    async def count_tokens(self, http: HttpClient, endpoint: Endpoint, body: Mapping[str, Any]) -> int | None:
        """Return the tokens of *body*'s prompt, as the model's template renders it; None from llama_cpp.server."""
        return None if endpoint.strict_model else await token_count.count_tokens(http, endpoint, body)

    def report_request(self, endpoint: Endpoint) -> Mapping[str, Any]:
        """Return what has llama-server send an event after each batch of a prompt; older builds ignore it."""
        return {} if endpoint.strict_model else slots.REPORTS

    def pin(self, endpoint: Endpoint, slot: int) -> Mapping[str, Any]:  # noqa: ARG002 - as the contract says
        """Return what has llama-server serve a request in *slot*, for which it waits."""
        return {"id_slot": slot}

    def keeps(self, profile: Profile, option: LoadOption | None) -> KeptConversations:  # noqa: ARG002 - as the contract says
        """Return why nothing is kept in files."""
        return KeptConversations(why_not=slot_files.why_not(profile) or "llama_cpp.server keeps no slots in files")

    async def save_slot(self, http: HttpClient, endpoint: Endpoint, slot: int, name: str) -> int:
        """Write *slot* to the file *name*; see `slot_files`."""
        return await slot_files.move(http, endpoint, slot, "save", name)

    async def restore_slot(self, http: HttpClient, endpoint: Endpoint, slot: int, name: str) -> int:
        """Put the file *name* into *slot*; see `slot_files`."""
        return await slot_files.move(http, endpoint, slot, "restore", name)


def _settings(profile: Profile, option: LoadOption | None) -> dict[str, str]:
    settings = {
        "LLAMA_ARG_UI": "0",
        # The engine's port is loopback, but a web page in the owner's browser could reach it.
        "LLAMA_ARG_CORS_ORIGINS": "localhost",
        # Where `progress` reads the tokens of each slot.
        "LLAMA_ARG_ENDPOINT_SLOTS": "1",
        "LLAMA_ARG_CACHE_RAM": str(PROMPT_CACHE_MIB),
        "LLAMA_ARG_SSE_PING_INTERVAL": str(PING_SECONDS),
        "LLAMA_ARG_LOG_VERBOSITY": str(VERBOSITY),
    }
    if profile.context is None:
        # One cache for all slots: a single long request may use the whole context while the other slots are idle.
        settings["LLAMA_ARG_KV_UNIFIED"] = "1"
    return settings | elastic_variables(option)


def _refuse_own(args: Mapping[str, Flag]) -> None:
    for name in args:
        if name in _OWN:
            raise EngineError(
                f"args may not hold '{name}': {_OWN[name]} decides that; remove it", exit_class=ExitClass.BAD_FLAG
            )


def adapt(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return *body* as llama-server takes it, or None when the bytes can go as they are.

    It answers 400 to a stream with both ``logprobs`` and tools. When the client forbids tool calls anyway, the tools can
    go; otherwise its refusal is the honest answer.
    """
    if not (body.get("stream") and body.get("logprobs") and body.get("tools") and body.get("tool_choice") == "none"):
        return None
    return {name: value for name, value in body.items() if name not in ("tools", "tool_choice", "parallel_tool_calls")}
