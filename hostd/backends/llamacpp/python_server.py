"""The last choice for llama.cpp: the server of llama-cpp-python, which has flags and limits of its own.

It serves one request at a time, has no health route, and names in its answers whatever model the client asked for.
"""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from hostd.backends.developer_role import with_system_role
from hostd.backends.devices import is_placed
from hostd.backends.environment import engine_environment
from hostd.backends.llamacpp import gguf_file
from hostd.backends.llamacpp.command_line import PYTHON_SERVER
from hostd.backends.llamacpp.placement import shares
from hostd.backends.one_choice import refuse_several
from hostd.domain.errors import EngineError
from hostd.domain.profile import Flag, Profile
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.planning.warm_set.load_option import LoadOption
from hostd.programs import output_of

MODULE = PYTHON_SERVER
_PATIENCE = 5.0
_WHERE = "import importlib.util; print(importlib.util.find_spec('llama_cpp').origin)"
_FIELD = re.compile(r"^    (\w+): ", re.MULTILINE)
_GGML_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30}
_NAMES = {
    "batch-size": "n_batch",
    "ubatch-size": "n_ubatch",
    "threads": "n_threads",
    "threads-batch": "n_threads_batch",
    "gpu-layers": "n_gpu_layers",
    "chat-template": "chat_format",
    "mmproj": "clip_model_path",
}
_SWITCHES = {"on": "true", "auto": "true", "off": "false", "True": "true", "False": "false"}


def arguments(profile: Profile, path: Path, port: int | str, option: LoadOption | None = None) -> tuple[str, ...]:
    """Return llama_cpp.server's flags for a model file; the profile's own ``args`` come last and win, over *option* as well.

    Raises:
        EngineError: The profile wants embeddings, but the model does not say how to pool and this server cannot be told; or what
            this server has no route for.
    """
    if profile.capabilities.task in (Task.RERANK, Task.DECISIONS):
        raise EngineError(
            f"llama_cpp.server has no route for capability '{profile.capabilities.task}'; install llama-server or hostd[llamacpp]",
            exit_class=ExitClass.BAD_FLAG,
        )
    if profile.capabilities.embeddings and gguf_file.pooling(path) in (None, "none"):
        raise EngineError(
            f"llama_cpp.server cannot turn {path.name} into sentence embeddings, because the model names no pooling;"
            " install llama-server or hostd[llamacpp]",
            exit_class=ExitClass.BAD_FLAG,
        )
    settings = _settings(profile, path, port, option)
    words = tuple(f"--{name}={value}" for name, value in settings.items())
    if option is None or len(option.placement.devices) < 2 or "tensor_split" in settings:
        return words
    return (*words, "--tensor_split", *(str(share) for share in shares(option)))


def check(program: Sequence[str], profile: Profile) -> None:
    """Return if the server knows the names of all of the profile's ``args``; its source is read, since asking it takes a second.

    Raises:
        EngineError: It does not, in its own words.
    """
    known = _fields(tuple(program[: -len(("-m", MODULE))]))
    names = (_setting(name, value)[0] for name, value in profile.args.items())
    if known and (unknown := [name for name in names if name not in known]):
        raise EngineError(
            "the engine does not understand its flags: error: unrecognized arguments: "
            f"{' '.join(f'--{name}' for name in unknown)}; correct the profile's args",
            exit_class=ExitClass.BAD_FLAG,
        )


@cache
def _fields(python: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the server's settings as that *python* would import it; none where it cannot be found."""
    done = output_of((*python, "-c", _WHERE), engine_environment(os.environ), seconds=_PATIENCE)
    if done is None or done.status:
        return frozenset()
    try:
        source = (Path(done.text.strip()).parent / "server" / "settings.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return frozenset()
    return frozenset(_FIELD.findall(source))


def _settings(profile: Profile, path: Path, port: int | str, option: LoadOption | None) -> dict[str, str]:
    kv_type = _GGML_TYPES.get(profile.kv_type)
    if kv_type is None:
        known = ", ".join(_GGML_TYPES)
        raise EngineError(f"kv_type '{profile.kv_type}' is unknown; use {known}", exit_class=ExitClass.BAD_FLAG)
    return {
        "model": str(path),
        "host": "127.0.0.1",
        "port": str(port),
        "model_alias": profile.name,
        "n_ctx": str(profile.context or 0),
        "n_threads": str(psutil.cpu_count(logical=False) or 1),
        "n_gpu_layers": str(_layers(option)),
        "type_k": str(kv_type),
        "type_v": str(kv_type),
        # A quantised V cache works with flash attention only.
        "flash_attn": "true" if profile.kv_type not in ("f16", "f32", "bf16") else "false",
        "embedding": "true" if profile.capabilities.embeddings else "false",
        # By default a second request interrupts the one in flight, whose truncated answer looks like success.
        "interrupt_requests": "false",
        **dict(_setting(name, value) for name, value in profile.args.items()),
    }


def _layers(option: LoadOption | None) -> int:
    if option is None or not is_placed(option):
        return -1
    return (-1 if option.placement.devices else 0) if option.gpu_layers is None else option.gpu_layers


def _setting(name: str, value: Flag) -> tuple[str, str]:
    own = _NAMES.get(name.removeprefix("n-"), name.replace("-", "_"))
    text = str(value)
    return own, _SWITCHES.get(text, text)


def adapt(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return *body* as this server understands it, or None when the bytes can go as they are.

    It answers 500 to the role ``developer``, which newer clients use where older ones say ``system``, and to a
    ``logit_bias`` for anything but the number of a token.

    Raises:
        RequestError: Several answers are asked for.
    """
    refuse_several(body)
    changes: dict[str, Any] = {}
    messages, bias = with_system_role(body.get("messages")), body.get("logit_bias")
    if messages is not None:
        changes["messages"] = messages
    if isinstance(bias, dict) and not all(token.isdecimal() for token in bias):
        changes["logit_bias"] = {token: value for token, value in bias.items() if token.isdecimal()}
    return {**body, **changes} if changes else None
