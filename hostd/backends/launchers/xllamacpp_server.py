"""Gives the llama-server inside the ``xllamacpp`` wheel the command line of the real ``llama-server``.

Pin: ``xllamacpp>=2026.10`` (pyproject's extra ``llamacpp``); the attributes below are those of release 2026.10.11549.

Why: the wheel carries the whole server, but no program: its parameters are attributes of a ``CommonParams`` object that
follows llama.cpp's own structure and may change with any release. This file is the program. It understands the flags that
`hostd.backends.llamacpp.engine` passes and those that owners commonly write into a profile's ``args``, refuses any other in
llama-server's own words, and ends with status 1 when the server does not start. The server itself logs ``listening on
http://...`` once it serves.

Exit: delete it once the wheel brings a ``llama-server`` executable or a ``main(argv)``. Until then `tests/backends/launchers`
sets each attribute on the installed wheel, so that a release which renames one fails there first.

Run as a script it imports nothing of hostd, so that it starts fast.
"""

import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Member:
    """A value of one of the wheel's enumerations, named before the wheel is imported."""

    enumeration: str
    name: str


# The engine's own number for the devices that a model may be split over.
_MOST_DEVICES = 128

Reader = Callable[[str], object]
Setting = tuple[str, object]


def _one_of(enumeration: str, prefix: str, **names: str) -> Reader:
    """Return a reader that turns a flag's word into the member of *enumeration* that it means."""

    def read(word: str) -> Member:
        try:
            return Member(enumeration, prefix + names[word.replace("-", "_").replace("+", "_")])
        except KeyError:
            raise ValueError(f"unknown value '{word}'; use one of {', '.join(names)}") from None

    return read


def _as_named(names: str) -> dict[str, str]:
    return {name.lower(): name for name in names.split()}


def _kinds(text: str) -> list[object]:
    return [_KIND(word) for word in _words(text)]


def _cache_type(word: str) -> Member:
    if word not in ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"):
        raise ValueError(f"Unsupported cache type: {word}")
    return Member("ggml_type", f"GGML_TYPE_{word.upper()}")


def _layers(word: str) -> int:
    return {"auto": -1, "all": -2}.get(word) or int(word)


def _shares(text: str) -> list[float]:
    found = [float(word) for word in text.replace("/", ",").split(",")]
    return [*found, *[0.0] * (_MOST_DEVICES - len(found))]


def _no_device(word: str) -> int:
    if word != "none":
        raise ValueError(f"invalid device: {word}; this wheel takes those that CUDA_VISIBLE_DEVICES and its like show")
    return 0


def _on(word: str) -> bool:
    if word not in ("on", "off"):
        raise ValueError(f"unknown value '{word}'; use on or off")
    return word == "on"


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _template_values(text: str) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in json.loads(text).items()}


def _file(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


_FLASH = _one_of("llama_flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_", on="ENABLED", off="DISABLED", auto="AUTO")
_POOLING = _one_of(
    "llama_pooling_type", "LLAMA_POOLING_TYPE_", none="NONE", mean="MEAN", cls="CLS", last="LAST", rank="RANK"
)
_LOAD = _one_of("llama_load_mode", "LLAMA_LOAD_MODE_", **_as_named("AUTO NONE MMAP MLOCK MMAP_MLOCK"), dio="DIRECT_IO")
_ROPE = _one_of("llama_rope_scaling_type", "LLAMA_ROPE_SCALING_TYPE_", none="NONE", linear="LINEAR", yarn="YARN")
_SPLIT = _one_of("llama_split_mode", "LLAMA_SPLIT_MODE_", none="NONE", layer="LAYER", row="ROW", tensor="TENSOR")
_NUMA = _one_of(
    "ggml_numa_strategy", "GGML_NUMA_STRATEGY_", distribute="DISTRIBUTE", isolate="ISOLATE", numactl="NUMACTL"
)
_REASONING = _one_of(
    "common_reasoning_format", "COMMON_REASONING_FORMAT_", **_as_named("NONE AUTO DEEPSEEK DEEPSEEK_LEGACY")
)
_KINDS = "NONE DRAFT_SIMPLE DRAFT_MTP DRAFT_EAGLE3 DRAFT_DFLASH DRAFT_DSPARK"
_NGRAMS = "NGRAM_SIMPLE NGRAM_MAP_K NGRAM_MAP_K4V NGRAM_MOD NGRAM_CACHE"
_KIND = _one_of("common_speculative_type", "COMMON_SPECULATIVE_TYPE_", **_as_named(f"{_KINDS} {_NGRAMS}"))

VALUES: dict[str, tuple[str, Reader]] = {
    "-m --model": ("model.path", str),
    "-mm --mmproj": ("mmproj.path", str),
    "-a --alias": ("model_alias", lambda text: set(_words(text))),
    "--host": ("hostnames", _words),
    "--port": ("port", int),
    "--api-key": ("api_keys", _words),
    "--cors-origins": ("cors_origins", str),
    "-c --ctx-size": ("n_ctx", int),
    "-np --parallel": ("n_parallel", int),
    "-n --predict --n-predict": ("n_predict", int),
    "-b --batch-size": ("n_batch", int),
    "-ub --ubatch-size": ("n_ubatch", int),
    "--keep": ("n_keep", int),
    "-t --threads": ("cpuparams.n_threads", int),
    "-tb --threads-batch": ("cpuparams_batch.n_threads", int),
    "--threads-http": ("n_threads_http", int),
    "--poll": ("cpuparams.poll", int),
    "-fa --flash-attn": ("flash_attn_type", _FLASH),
    "-ctk --cache-type-k": ("cache_type_k", _cache_type),
    "-ctv --cache-type-v": ("cache_type_v", _cache_type),
    "-cram --cache-ram": ("cache_ram_mib", int),
    "--cache-reuse": ("n_cache_reuse", int),
    "-ctxcp --ctx-checkpoints --swa-checkpoints": ("n_ctx_checkpoints", int),
    "--kv-unified-per-slot": ("kv_unified_per_slot", int),
    "-lm --load-mode": ("load_mode", _LOAD),
    "--numa": ("numa", _NUMA),
    "-dev --device": ("n_gpu_layers", _no_device),
    "-ngl --gpu-layers --n-gpu-layers": ("n_gpu_layers", _layers),
    "-sm --split-mode": ("split_mode", _SPLIT),
    "-ts --tensor-split": ("tensor_split", _shares),
    "-mg --main-gpu": ("main_gpu", int),
    "-fit --fit": ("fit_params", _on),
    "-fitc --fit-ctx": ("fit_params_min_ctx", int),
    "--spec-type": ("speculative.types", _kinds),
    "-md --model-draft --spec-draft-model": ("speculative.draft.mparams.path", str),
    "--draft --draft-n --draft-max --spec-draft-n-max": ("speculative.draft.n_max", int),
    "-ngld --gpu-layers-draft --n-gpu-layers-draft --spec-draft-ngl": ("speculative.draft.n_gpu_layers", _layers),
    "-ctkd --cache-type-k-draft --spec-draft-type-k": ("speculative.draft.cache_type_k", _cache_type),
    "-ctvd --cache-type-v-draft --spec-draft-type-v": ("speculative.draft.cache_type_v", _cache_type),
    "--rope-scaling": ("rope_scaling_type", _ROPE),
    "--rope-scale": ("rope_freq_scale", lambda text: 1.0 / float(text)),
    "--rope-freq-base": ("rope_freq_base", float),
    "--rope-freq-scale": ("rope_freq_scale", float),
    "--yarn-orig-ctx": ("yarn_orig_ctx", int),
    "--yarn-ext-factor": ("yarn_ext_factor", float),
    "--yarn-attn-factor": ("yarn_attn_factor", float),
    "--yarn-beta-slow": ("yarn_beta_slow", float),
    "--yarn-beta-fast": ("yarn_beta_fast", float),
    "--pooling": ("pooling_type", _POOLING),
    "--embd-normalize": ("embd_normalize", int),
    "--chat-template": ("chat_template", str),
    "--chat-template-file": ("chat_template", _file),
    "--chat-template-kwargs": ("default_template_kwargs", _template_values),
    "--reasoning-format": ("reasoning_format", _REASONING),
    "--reasoning-budget": ("sampling.reasoning_budget_tokens", int),
    "-rea --reasoning": ("enable_reasoning", lambda word: -1 if word == "auto" else int(_on(word))),
    "-s --seed": ("sampling.seed", lambda text: int(text) % 2**32),
    "--temp --temperature": ("sampling.temp", float),
    "--top-k": ("sampling.top_k", int),
    "--top-p": ("sampling.top_p", float),
    "--min-p": ("sampling.min_p", float),
    "-sps --slot-prompt-similarity": ("slot_prompt_similarity", float),
    "--slot-save-path": ("slot_save_path", str),
    "--sleep-idle-seconds": ("sleep_idle_seconds", int),
    "--sse-ping-interval": ("sse_ping_interval", int),
    "-lv --verbosity --log-verbosity": ("verbosity", int),
}
"""Flags that take a value: their names, the attribute of ``CommonParams`` that they set, and how the value is read."""

SWITCHES: dict[str, Setting] = {
    "--metrics": ("endpoint_metrics", True),
    "--slots": ("endpoint_slots", True),
    "--no-slots": ("endpoint_slots", False),
    "--props": ("endpoint_props", True),
    "--ui --webui": ("ui", True),
    "--no-ui --no-webui": ("ui", False),
    "--embedding --embeddings": ("embedding", True),
    "-cb --cont-batching": ("cont_batching", True),
    "-nocb --no-cont-batching": ("cont_batching", False),
    "-kvu --kv-unified": ("kv_unified", True),
    "-no-kvu --no-kv-unified": ("kv_unified", False),
    "-kvo --kv-offload": ("no_kv_offload", False),
    "-nkvo --no-kv-offload": ("no_kv_offload", True),
    "--op-offload": ("no_op_offload", False),
    "--no-op-offload": ("no_op_offload", True),
    "--repack": ("no_extra_bufts", False),
    "-nr --no-repack": ("no_extra_bufts", True),
    "--swa-full": ("swa_full", True),
    "--context-shift": ("ctx_shift", True),
    "--no-context-shift": ("ctx_shift", False),
    "--cache-prompt": ("cache_prompt", True),
    "--no-cache-prompt": ("cache_prompt", False),
    "--cache-idle-slots": ("cache_idle_slots", True),
    "--no-cache-idle-slots": ("cache_idle_slots", False),
    "--warmup": ("warmup", True),
    "--no-warmup": ("warmup", False),
    "--check-tensors": ("check_tensors", True),
    "--mmproj-offload": ("mmproj_use_gpu", True),
    "--no-mmproj-offload": ("mmproj_use_gpu", False),
    "--jinja": ("use_jinja", True),
    "--no-jinja": ("use_jinja", False),
    "--prefill-assistant": ("prefill_assistant", True),
    "--no-prefill-assistant": ("prefill_assistant", False),
    "-sp --special": ("special", True),
    "--offline": ("offline", True),
    "--perf": ("no_perf", False),
    "--no-perf": ("no_perf", True),
}
"""Flags that stand alone: their names, the attribute of ``CommonParams`` that they set, and to what."""

SWITCH_VARIABLES: dict[str, str] = {
    "LLAMA_ARG_UI": "ui",
    "LLAMA_ARG_KV_UNIFIED": "kv_unified",
    "LLAMA_ARG_CACHE_IDLE_SLOTS": "cache_idle_slots",
    "LLAMA_ARG_ENDPOINT_SLOTS": "endpoint_slots",
}

_PREFIX = "LLAMA_ARG_"
_BY_FLAG_ONLY = frozenset({"--model", "--alias", "--host", "--port", "--api-key"})
VARIABLES: dict[str, str] = {
    "LLAMA_API_KEY": "--api-key",
    "LLAMA_ARG_CACHE_RAM": "--cache-ram",
    "LLAMA_ARG_CTX_CHECKPOINTS": "--ctx-checkpoints",
    "LLAMA_ARG_CORS_ORIGINS": "--cors-origins",
    "LLAMA_ARG_LOG_VERBOSITY": "--verbosity",
    "LLAMA_ARG_SSE_PING_INTERVAL": "--sse-ping-interval",
}
"""The variables that hostd sets for every llama-server: the attributes and the flags that they stand for.

Any other that begins with LLAMA_ARG_ stands for the long flag that is named like its rest.
"""


class BadFlag(Exception):
    """The command line cannot be understood; the text is what llama-server would print."""


def settings(argv: Sequence[str], environ: Mapping[str, str]) -> list[Setting]:
    """Return what to set on ``CommonParams``, in order; flags come last, so they win over the environment.

    Raises:
        BadFlag: A flag is unknown, lacks its value, or has one that cannot be read.
    """
    values = {name: row for names, row in VALUES.items() for name in names.split()}
    switches = {name: row for names, row in SWITCHES.items() for name in names.split()}
    found: list[Setting] = [(to, environ[name] == "1") for name, to in SWITCH_VARIABLES.items() if name in environ]
    words = [word for name, flag in VARIABLES.items() if name in environ for word in (flag, environ[name])]
    for name in sorted(environ):
        flag = f"--{name.removeprefix(_PREFIX).lower().replace('_', '-')}"
        # As llama-server does, a variable that stands for no flag is passed over.
        if name.startswith(_PREFIX) and name not in VARIABLES and flag in values and flag not in _BY_FLAG_ONLY:
            words += (flag, environ[name])
    rest = iter((*words, *argv))
    for flag in rest:
        if flag in switches:
            found.append(switches[flag])
        elif flag in values:
            attribute, read = values[flag]
            found.append((attribute, _read(flag, next(rest, None), read)))
        elif flag in ("-to", "--timeout"):
            seconds = _read(flag, next(rest, None), int)
            found += [("timeout_read", seconds), ("timeout_write", seconds)]
        elif flag in ("--rerank", "--reranking"):
            found += [("embedding", True), ("pooling_type", _POOLING("rank"))]
        else:
            raise BadFlag(f"error: invalid argument: {flag}")
    return found


def _read(flag: str, text: str | None, read: Reader) -> object:
    if text is None:
        raise BadFlag(f'error while handling argument "{flag}": expected value for argument')
    try:
        return read(text)
    except (ValueError, ArithmeticError, OSError, AttributeError) as error:
        raise BadFlag(f'error while handling argument "{flag}": {error}') from error


def common_params(wheel: Any, found: Sequence[Setting]) -> Any:
    """Return a ``CommonParams`` of the imported *wheel* with every setting made.

    Raises:
        BadFlag: A number does not fit.
    """
    params = wheel.CommonParams()
    for path, value in found:
        *parents, attribute = path.split(".")
        owner = params
        for parent in parents:
            owner = getattr(owner, parent)
        member = [_of(wheel, each) for each in value] if isinstance(value, list) else _of(wheel, value)
        try:
            setattr(owner, attribute, member)
        except OverflowError as error:
            raise BadFlag(f"error while handling argument: {value} is out of range for {path}") from error
    return params


def _of(wheel: Any, value: object) -> object:
    return getattr(getattr(wheel, value.enumeration), value.name) if isinstance(value, Member) else value


def main(argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Serve until a signal ends the process; with ``--version`` at the end, only see whether the other flags are understood.

    Raises:
        SystemExit: The flags, the model or the port are bad; status 1, and a last line that says so.
    """
    # The server runs on threads of its own, out of reach of Python's handlers: the default action is the one that
    # ends a load, or a stream, at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        if argv[-1:] == ["--version"]:
            settings(argv[:-1], environ)
            return
        found = settings(argv, environ)
        wheel = importlib.import_module("xllamacpp")
        _server = wheel.Server(common_params(wheel, found))
    except BadFlag as error:
        raise SystemExit(str(error)) from error
    except (ImportError, RuntimeError, ValueError, MemoryError) as error:
        raise SystemExit(f"exiting: the server did not start, the lines above say why: {error}") from error
    threading.Event().wait()  # The server stops when nothing refers to it any more.


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
