"""MLX: ``mlx_lm.server`` in a Python of its own, behind a launcher of hostd, which gives it what a supervised engine needs.

The Python is found from the command that the owner configured (``mlx_lm.server``, or a Python that has mlx-lm), else from the
``mlx_lm.server`` on PATH, else it is hostd's own. What the launcher adds, `hostd.backends.launchers.mlx_server` tells.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from hostd.backends import checkpoint_folder
from hostd.backends.contract import Endpoint, Engine, Launch, ServerFacts
from hostd.backends.environment import engine_environment, interpreter_of
from hostd.backends.mlx import faults
from hostd.domain.errors import EngineError
from hostd.domain.profile import Flag, Profile, Variant
from hostd.domain.progress import EngineProgress, SlotProgress
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.mlx_serving import MlxServing
from hostd.planning.warm_set.load_option import LoadOption

LAUNCHERS = Path(__file__).parents[1] / "launchers"
DEFAULT = "mlx_lm.server"

PREFILL_STEP = 512
"""Tokens of a prompt that are read at a time: the server's own 2048 take four times the scratch memory, and so long on a large
model that it could not be told from one that is stuck."""
PROMPTS = 8
PROMPT_CACHE_ENTRIES = 10
PROMPT_CACHE_BYTES = 4 << 30
"""The most memory for past prompts, where it is left; without a bound the server keeps ten, however long."""
CACHE_LIMIT = 64 << 20
"""Freed buffers that MLX keeps for the next step; without a bound it keeps all. A step of one token frees about so much."""
MORE_CACHE = 448 << 20
"""Freed buffers beyond those that make prompts faster to read, where memory is left."""
UNPLANNED_PROMPT_CACHE = 512 << 20
"""Memory for past prompts where nobody has counted what is left."""

_NO_LIMIT = 1 << 30
_KV_BITS = {"f16": None, "bf16": None, "q8_0": 8, "q4_0": 4}
_RECKONED = ("kv-bits", "prompt-concurrency", "prefill-step-size", "prompt-cache-size", "prompt-cache-bytes")
_OWN = {
    "model": "the variant",
    "decode-concurrency": "the profile's slots",
    **dict.fromkeys(("host", "port", "allowed-origins", "log-level"), "hostd"),
}
_SLOTS_TIMEOUT = aiohttp.ClientTimeout(total=2.0)


class Mlx(Engine):
    """The backend ``mlx``; *command* is what the owner configured, empty for none."""

    name = "mlx"

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can."""
        return checkpoint_folder.accepts(self.name, variant)

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:  # noqa: ARG002
        """Return if a load may begin; raises as `launch` does."""
        python_of(self._command)
        checkpoint_folder.check(checkpoint_folder.locate(variant))
        tuple(arguments(profile))

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Return how to start *variant* on loopback *port*, protected by *key*.

        Raises:
            EngineError: mlx-lm is not installed, the folder is no model, or ``args`` holds what hostd decides itself.
        """
        folder = checkpoint_folder.locate(variant)
        size = checkpoint_folder.check(folder)
        # What the plan reserved becomes a hard limit: MLX would otherwise take memory until the machine swaps.
        limit = sum(option.needs.values()) if option is not None else 0
        words = ("--model", str(folder), "--host", "127.0.0.1", "--port", str(port))
        return Launch(
            argv=(
                *(python_of(self._command), "-u", "-m", "mlx_server", "--served-model-name", profile.name),
                *("--memory-limit", str(limit)),
                *(*arguments(profile, option), *words, *_extra(profile.args)),
            ),
            env=engine_environment(os.environ) | _SURROUNDINGS | {"HOSTD_ENGINE_KEY": key},
            endpoint=Endpoint(
                url=f"http://127.0.0.1:{port}", model=profile.name, headers={"Authorization": f"Bearer {key}"}
            ),
            health="/health",
            slots=serving(profile).slots,
            expected_bytes=size,
        )

    def classify(self, status: int, tail: tuple[str, ...]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean."""
        return faults.classify(status, tail)

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """Return a request's *body* as the server takes it, or None when the bytes can go as they are.

        It refuses a field that is null, where OpenAI takes that for one that is not given, and templates do not know the role
        ``developer``, which newer clients use where older ones say ``system``.
        """
        messages = body.get("messages")
        developers = isinstance(messages, list) and any(_is_developer(message) for message in messages)
        if not developers and None not in body.values():
            return None
        adapted = {name: value for name, value in body.items() if value is not None}
        if developers and isinstance(messages, list):
            adapted["messages"] = [
                {**message, "role": "system"} if _is_developer(message) else message for message in messages
            ]
        return adapted

    async def progress(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> EngineProgress | None:
        """Return the tokens of each request that the launcher's route reports; None where the generating thread is stuck."""
        found = await _ask(http, endpoint, "/hostd/slots")
        if not isinstance(found, list):
            return None
        return EngineProgress(tuple(SlotProgress(*map(int, counts)) for counts in found if isinstance(counts, list)))

    async def describe(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> ServerFacts:
        """Return what the server at *endpoint* reports about itself, as far as it answers."""
        found = await _ask(http, endpoint, "/hostd/facts")
        if not isinstance(found, dict):
            return ServerFacts()
        told = {name: found.get(name) for name in ("version", "context", "slots", "tools", "vision")}
        return ServerFacts(**told, embeddings=False, models=(endpoint.model,))


def serving(profile: Profile) -> MlxServing:
    """Return how *profile* will be served: what the flags set, and what the estimate needs.

    Raises:
        EngineError: A value makes no sense to MLX; class bad_flag.
    """
    args = profile.args
    if profile.kv_type not in _KV_BITS:
        raise _bad(f"MLX keeps its KV cache as {', '.join(_KV_BITS)}, not as {profile.kv_type}; change kv_type")
    if profile.capabilities.embeddings:
        raise _bad("mlx_lm.server makes no embeddings; use backend llamacpp for this model")
    bits = _number(args, "kv-bits", _KV_BITS[profile.kv_type])
    # A quantised cache cannot be batched.
    slots = profile.slots if bits is None else 1
    try:
        return MlxServing(
            context=profile.context or 0,
            slots=slots,
            prompts=_number(args, "prompt-concurrency", None) or min(slots, PROMPTS),
            prefill_step=_number(args, "prefill-step-size", None) or PREFILL_STEP,
            prompt_cache_entries=_number(args, "prompt-cache-size", None) or PROMPT_CACHE_ENTRIES,
            prompt_cache_bytes=_number(args, "prompt-cache-bytes", None) or PROMPT_CACHE_BYTES,
            kv_bits=bits,
            cache_limit=CACHE_LIMIT,
            elastic_prompts="prompt-cache-bytes" not in args,
            elastic_buffers=MORE_CACHE,
        )
    except ValueError as error:
        raise _bad(str(error)) from error


def arguments(profile: Profile, option: LoadOption | None = None) -> Iterator[str]:
    """Yield the launcher's flags for a profile, apart from the model and the address; *option* has its shares of memory."""
    for name in profile.args:
        if name in _OWN:
            raise _bad(f"args may not hold '{name}': {_OWN[name]} decides that; remove it")
    planned = serving(profile)
    shares = None if option is None else option.shares
    prompts, buffers = planned.prompt_cache_bytes, CACHE_LIMIT + MORE_CACHE
    if planned.elastic_prompts:
        prompts = UNPLANNED_PROMPT_CACHE if shares is None else shares.get("prompt-cache-bytes", 0)
    if shares is not None:
        buffers = CACHE_LIMIT + shares.get("cache-limit", 0)
    flags = {
        "context": planned.context,
        "cache-limit": buffers,
        "decode-concurrency": planned.slots,
        "prompt-concurrency": planned.prompts,
        "prefill-step-size": planned.prefill_step,
        "prompt-cache-size": planned.prompt_cache_entries,
        "prompt-cache-bytes": prompts,
        "kv-bits": planned.kv_bits,
    }
    for name, value in flags.items():
        if value is not None:
            yield from (f"--{name}", str(value))


def _extra(args: Mapping[str, Flag]) -> Iterator[str]:
    # The context is the only limit of an answer; the server's own would be 512 tokens.
    for name, value in {"max-tokens": _NO_LIMIT, **args}.items():
        if name in _RECKONED or value is False:
            continue
        yield from (f"--{name}",) if value is True else (f"--{name}", str(value))


def python_of(command: tuple[str, ...]) -> str:
    """Return the Python that has mlx-lm; see the module for where it is looked for.

    Raises:
        EngineError: There is none; class missing_file.
    """
    found = interpreter_of(command[0] if command else DEFAULT)
    # A Python may be told to run a module, which hostd's launcher replaces; any other program would be dropped.
    if found is not None and (len(command) < 2 or command[1] == "-m"):
        return found
    if command:
        raise EngineError(
            f"the command '{command[0]}' was not found, or is neither mlx_lm.server nor a Python; "
            "correct backends.mlx.command in hostd.yaml",
            exit_class=ExitClass.MISSING_FILE,
        )
    if importlib.util.find_spec("mlx_lm"):
        return sys.executable
    raise EngineError(
        "no MLX was found: put mlx_lm.server on PATH, or run: pip install 'hostd[mlx]'",
        exit_class=ExitClass.MISSING_FILE,
    )


_SURROUNDINGS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    # hostd's launcher is found below this folder, and no module of the folder that hostd was started from.
    "PYTHONPATH": str(LAUNCHERS),
    "PYTHONSAFEPATH": "1",
}
"""Only files on this machine are loaded, and no usage statistics are sent."""


async def _ask(http: aiohttp.ClientSession, endpoint: Endpoint, path: str) -> object:
    try:
        async with http.get(endpoint.url + path, headers=endpoint.headers, timeout=_SLOTS_TIMEOUT) as answer:
            return await answer.json() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


def _number(args: Mapping[str, Flag], name: str, otherwise: int | None) -> int | None:
    value = args.get(name, otherwise)
    try:
        return None if value is None else int(value)
    except ValueError:
        raise _bad(f"args: {name} takes a whole number, not '{value}'") from None


def _is_developer(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") == "developer"


def _bad(why: str) -> EngineError:
    return EngineError(why, exit_class=ExitClass.BAD_FLAG)
