"""vLLM: ``vllm serve``, as the owner configured it, as it is on PATH, or as it is in hostd's own environment.

What the plan decided goes on the command line: over how many cards, how much KV cache, how many requests at once. The key
is in the environment, which other users cannot read, and guards every route (`hostd.backends.launchers.vllm_guard`): those that put
the engine to sleep need no key otherwise. Flags that a build does not know are left out with a warning.
"""

import asyncio
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from hostd.backends import checkpoint_folder
from hostd.backends.contract import WITH_TASKS, Endpoint, Engine, Launch, ServerFacts
from hostd.backends.devices import visible_devices
from hostd.backends.environment import engine_environment, interpreter_of, owner_environment
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from hostd.backends.thinking import ThinkingWords
from hostd.backends.vllm import faults, memory, metrics, refusals, system_messages, thinking
from hostd.backends.vllm.build import VllmBuild, build_of
from hostd.backends.vllm.request_fields import FIELDS
from hostd.dialects.request_document import replaced
from hostd.domain.conversation import KeptConversations
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.profile import Flag, Profile, Variant
from hostd.domain.progress import EngineProgress
from hostd.domain.reason import ExitClass
from hostd.domain.secret import Secret
from hostd.domain.thinking import ThinkingControl, ThinkingWish
from hostd.domain.ticket import Task
from hostd.planning.footprint.vllm import OFFLOAD_FLAG
from hostd.planning.warm_set.load_option import LoadOption
from hostd.programs import find_program

log = structlog.get_logger()

LAUNCHERS = Path(__file__).parents[1] / "launchers"
MODULE = "vllm.entrypoints.cli.main"
MIDDLEWARE = "vllm_guard.ApiKeyGuard"
"""What vLLM imports from `LAUNCHERS`, by name: the guard of its routes."""
GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL: several processes must release their GPUs."""

_OWN = {
    **dict.fromkeys(("model", "model-tag"), "the variant"),
    **dict.fromkeys(("tensor-parallel-size", "tp"), "the variant's tensor_parallel"),
    "max-model-len": "the profile's context",
    "max-num-seqs": "the profile's slots",
    "served-model-name": "the profile's name",
    **dict.fromkeys(
        ("host", "port", "uds", "api-key", "middleware", "root-path", "ssl-keyfile", "ssl-certfile"), "hostd"
    ),
    **dict.fromkeys(("enable-sleep-mode", "enable-log-requests", "enable-log-outputs"), "hostd"),
}
_POOLED = (Task.EMBEDDINGS, Task.RERANK)
_RECKONED = ("kv-cache-memory-bytes", "kv-cache-dtype")
_QUICK = 2.0
_BETWEEN = 0.25


class Vllm(Engine):
    """The backend ``vllm``; *command* is what the owner configured, empty for none."""

    name = "vllm"
    fields = FIELDS

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command
        self._deep: set[str] = set()

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can."""
        return checkpoint_folder.accepts(self.name, variant)

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:
        """Return if a load may begin; raises as `launch` does."""
        self.launch(profile, variant, option, 0, "")

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Return how to start *variant* on loopback *port*, protected by *key*.

        Raises:
            EngineError: vLLM is not installed, the folder is no model, or ``args`` holds what it does not know or hostd decides.
        """
        return self._launch(profile, variant, option, port, key)

    def launch_on_socket(
        self, profile: Profile, variant: Variant, option: LoadOption | None, socket: str, key: str
    ) -> Launch | None:
        """Return how to start *variant* on a unix *socket*; None for a build that does not know them; raises as `launch` does."""
        if "uds" not in build_of(locate(self._command)[0]).flags:
            return None
        return self._launch(profile, variant, option, socket, key)

    def _launch(
        self, profile: Profile, variant: Variant, option: LoadOption | None, address: int | str, key: str
    ) -> Launch:
        program = locate(self._command)
        build = build_of(program[0])
        folder = checkpoint_folder.locate(variant)
        size = checkpoint_folder.check(folder)
        _refuse(profile.args, build)
        cards = _cards(option)
        sleeps = (
            bool(cards) and not build.on_processor and build.knows("middleware") and build.knows("enable-sleep-mode")
        )
        kv = memory.kv_bytes(folder, profile, option, on_processor=build.on_processor)
        moved = {name for name, value in profile.args.items() if name in _VARIABLES and isinstance(value, Secret)}
        flags = {
            **_fixed(profile, variant, cards, address),
            "kv-cache-memory-bytes": kv,
            **({} if build.on_processor else memory.kept_prompts(option, profile, build.knows)),
            "middleware": MIDDLEWARE,
            # A line per request would push the engine's own lines out of the log that hostd keeps.
            "disable-uvicorn-access-log": True,
            "enable-sleep-mode": sleeps or None,
            "enforce-eager": True if build.on_processor and "enforce-eager" not in profile.args else None,
            **{name: value for name, value in profile.args.items() if name not in _RECKONED and name not in moved},
        }
        shown = owner_environment(self.settings, profile)
        devices = {} if build.on_processor else visible_devices(option, shown)
        return Launch(
            argv=(*program, "serve", str(folder), *_words(flags, build, profile.args)),
            env={
                **engine_environment(os.environ),
                **_SURROUNDINGS,
                **devices,
                # The routes for sleep exist in this mode only; the guard keeps them behind the key.
                **({"VLLM_SERVER_DEV_MODE": "1"} if sleeps else {}),
                **_space(kv, build),
                # Programs that vLLM starts by name (ninja, for one) are installed beside it.
                "PATH": f"{Path(program[0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                "VLLM_API_KEY": key,
                # A command line is everybody's to read.
                **{_VARIABLES[name]: str(profile.args[name]) for name in moved},
            },
            endpoint=Endpoint(
                url="http://localhost" if isinstance(address, str) else f"http://127.0.0.1:{address}",
                model=profile.name,
                headers={"Authorization": f"Bearer {key}"},
                socket=address if isinstance(address, str) else None,
                strict_model=True,
                speaks=WITH_TASKS,
            ),
            health="/health",
            slots=profile.slots,
            expected_bytes=size,
            grace=GRACE,
            sleep_levels=(1, 2) if sleeps else (),
            exclusive_start=True,
            devices=devices,
        )

    def classify(self, status: int, tail: tuple[str, ...]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean."""
        return faults.classify(status, tail)

    def refusal(self, message: str) -> RequestError | None:
        """Return the client's mistake that *message* tells of."""
        return refusals.PATTERNS.find(message)

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the request under the one name that the engine answers to, or None when the bytes can go as they are."""
        return None if body.get("model") == endpoint.model else replaced(body, {"model": endpoint.model})

    def think(
        self, endpoint: Endpoint, wish: ThinkingWish, body: Mapping[str, Any], control: ThinkingControl | None
    ) -> ThinkingWords:
        """Return *wish* as vLLM is told it."""
        return super().think(endpoint, wish, body, None) if control is None else thinking.words(wish, body, control)

    async def progress(self, http: HttpClient, endpoint: Endpoint) -> EngineProgress | None:
        """Return what ``/metrics`` reports: requests that run and wait, and tokens of all steps; it counts none by request."""
        return await metrics.progress(http, endpoint)

    def metrics_path(self, endpoint: Endpoint) -> str | None:  # noqa: ARG002 - as the contract says
        """Return vLLM's route."""
        return "/metrics"

    async def turns(self, http: HttpClient, endpoint: Endpoint) -> bool:
        """Return whether the engine makes steps just now: the server that answers is another process than the one that computes."""
        # Counters of one moment say nothing: a stuck engine reports its last ones for ever.
        before = await self.progress(http, endpoint)
        if before is None or before.is_idle:
            return False
        await asyncio.sleep(_BETWEEN)
        after = await self.progress(http, endpoint)
        return after is not None and after.steps != before.steps

    def keeps(self, profile: Profile, option: LoadOption | None) -> KeptConversations:
        """Return in how much main memory past prompts are kept, while the engine runs."""
        size = memory.kept_prompts(option, profile, lambda _: True).get(OFFLOAD_FLAG)
        if not size:
            return KeptConversations(why_not=memory.why_not(profile))
        return KeptConversations(note=f"in {size} GiB of main memory, over the engine's sleep and not over its end")

    async def sleep(self, http: HttpClient, endpoint: Endpoint, level: int) -> None:
        """Have the engine sleep: at level 1 its weights go to main memory, at level 2 they are dropped.

        Raises:
            EngineError: It does not.
        """
        await _tell(http, endpoint, f"/sleep?level={level}")
        if not (await _document(http, endpoint, "/is_sleeping")).get("is_sleeping"):
            raise EngineError("the engine was told to sleep, and says that it does not")
        (self._deep.add if level > 1 else self._deep.discard)(endpoint.socket or endpoint.url)

    async def wake(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Have the engine wake; weights that were dropped are read again.

        Raises:
            EngineError: It does not.
        """
        # After level 2 the weights are read again before the cache is allocated, which leaves memory for the reading.
        where = endpoint.socket or endpoint.url
        if where in self._deep:
            await _tell(http, endpoint, "/wake_up?tags=weights")
            await _tell(http, endpoint, "/collective_rpc", {"method": "reload_weights"})
            await _tell(http, endpoint, "/wake_up?tags=kv_cache")
            self._deep.discard(where)
        else:
            await _tell(http, endpoint, "/wake_up")
        if (await _document(http, endpoint, "/is_sleeping")).get("is_sleeping", True):
            raise EngineError("the engine was told to wake, and says that it sleeps")

    async def describe(self, http: HttpClient, endpoint: Endpoint) -> ServerFacts:
        """Return what the server at *endpoint* reports about itself, as far as it answers."""
        version, models = await _document(http, endpoint, "/version"), await _document(http, endpoint, "/v1/models")
        listed = [entry for entry in models.get("data") or () if isinstance(entry, dict)]
        control = await thinking.template_control(http, endpoint)
        return ServerFacts(
            version=version.get("version"),
            context=next((entry["max_model_len"] for entry in listed if entry.get("max_model_len")), None),
            models=tuple(str(entry.get("id")) for entry in listed),
            thinking=control,
            # Where nothing is rendered at all, nothing is known.
            late_system=await system_messages.anywhere(http, endpoint) if control is not None else None,
        )


def locate(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the argv prefix of the vLLM that this host has, without ``serve``; see the module for the order.

    Raises:
        EngineError: There is none; class missing_file.
    """
    if command:
        first = command[0]
        program = find_program(first)
        if program is None:
            raise EngineError(
                f"the command '{first}' was not found; correct backends.vllm.command in hostd.yaml",
                exit_class=ExitClass.MISSING_FILE,
            )
        rest = command[1:-1] if command[-1] == "serve" else command[1:]
        return (program, "-m", MODULE) if interpreter_of(program) == program and not rest else (program, *rest)
    if program := find_program("vllm"):
        return (program,)
    if importlib.util.find_spec("vllm"):
        return (sys.executable, "-m", MODULE)
    raise EngineError(
        "no vLLM was found: put vllm on PATH, or run: pip install 'hostd[vllm]'", exit_class=ExitClass.MISSING_FILE
    )


_VARIABLES = {"hf-token": "HF_TOKEN"}
"""Flags that may hold a secret and have a variable as well."""

_SURROUNDINGS = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    # The guard is found below this folder, and no module of the folder that vLLM is run in.
    "PYTHONPATH": str(LAUNCHERS),
    "PYTHONSAFEPATH": "1",
}
"""Only files on this machine are loaded, and no usage statistics are sent."""


def _fixed(profile: Profile, variant: Variant, cards: int, address: int | str) -> dict[str, Flag | None]:
    kv_type = memory.serving(profile).kv_type
    return {
        **({"uds": address} if isinstance(address, str) else {"host": "127.0.0.1", "port": address}),
        "served-model-name": profile.name,
        "max-model-len": profile.context,
        "max-num-seqs": profile.slots,
        "tensor-parallel-size": cards or (variant.tensor_parallel if variant.tensor_parallel != "auto" else None),
        "kv-cache-dtype": None if kv_type == "auto" else kv_type,
        "runner": "pooling" if profile.capabilities.task in _POOLED else None,
    }


def _words(flags: Mapping[str, Flag | None], build: VllmBuild, owners: Mapping[str, Flag]) -> Iterator[str]:
    for name, value in flags.items():
        if value is None:
            continue
        if name not in owners and not build.knows(name):
            log.warning("flag_left_out", flag=f"--{name}", why=f"this vLLM ({build.version}) does not know it")
            continue
        yield from (f"--{'' if value else 'no-'}{name}",) if isinstance(value, bool) else (f"--{name}", str(value))


def _refuse(args: Mapping[str, Flag], build: VllmBuild) -> None:
    for name in args:
        if name in _OWN:
            raise _bad(f"args may not hold '{name}': {_OWN[name]} decides that; remove it")
        if not build.knows(name):
            raise _bad(f"this vLLM ({build.version}) does not know --{name}; correct the profile's args")


def _cards(option: LoadOption | None) -> int:
    return 0 if option is None else len(option.placement.devices)


def _space(kv: int | None, build: VllmBuild) -> dict[str, str]:
    """Return the variable that sets the cache of a CPU build which does not know the flag: whole GiB."""
    told = kv is None or not build.on_processor or build.knows("kv-cache-memory-bytes")
    return {} if told or kv is None else {"VLLM_CPU_KVCACHE_SPACE": str(-(-kv // (1 << 30)))}


async def _document(http: HttpClient, endpoint: Endpoint, path: str) -> dict[str, Any]:
    found = await http.document(endpoint.url + path, endpoint.headers, seconds=_QUICK)
    return found if isinstance(found, dict) else {}


async def _tell(http: HttpClient, endpoint: Endpoint, path: str, body: Mapping[str, Any] | None = None) -> None:
    try:
        answer = await http.ask(endpoint.url + path, endpoint.headers, body, method="POST", seconds=None)
    except ExchangeError as error:
        raise EngineError(f"the engine did not answer {path}: {error}") from error
    if answer.status != 200:
        raise EngineError(f"the engine answered {path} with status {answer.status}: {answer.text[:300]}")


def _bad(why: str) -> EngineError:
    return EngineError(why, exit_class=ExitClass.BAD_FLAG)
