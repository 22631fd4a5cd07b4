"""The command line of ``mlx_lm.server`` for a profile, and the Python it is for; plans read from it how a model will be served."""

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from hostd.backends.environment import interpreter_of
from hostd.domain.errors import EngineError
from hostd.domain.profile import Flag, Profile
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.planning.footprint.mlx_serving import MlxServing
from hostd.planning.warm_set.load_option import LoadOption

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


def serving(profile: Profile) -> MlxServing:
    """Return how *profile* will be served: what the flags set, and what the estimate needs.

    Raises:
        EngineError: A value makes no sense to MLX; class bad_flag.
    """
    args = profile.args
    if profile.kv_type not in _KV_BITS:
        raise _bad(f"MLX keeps its KV cache as {', '.join(_KV_BITS)}, not as {profile.kv_type}; change kv_type")
    if (task := profile.capabilities.task) is not Task.TEXT:
        raise _bad(f"mlx_lm.server has no route for capability '{task}'; use backend llamacpp for this model")
    bits = _number(args, "kv-bits", _KV_BITS[profile.kv_type])
    # A quantised cache cannot be batched, nor can what is drafted.
    slots = profile.slots if bits is None and "draft-model" not in args else 1
    adapter_bytes = _adapter_bytes(args.get("adapter-path"))
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
            draft_model=str(args.get("draft-model", "")),
            adapter_bytes=adapter_bytes or 0,
            unreckoned=("adapter-path",) if adapter_bytes is None else (),
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


def server_words(args: Mapping[str, Flag]) -> Iterator[str]:
    """Yield the words for the server itself: the owner's, and no limit of answers."""
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


def _adapter_bytes(folder: Flag | None) -> int | None:
    """Return the bytes of the adapters in *folder*, 0 for none; None where they cannot be found."""
    if folder is None:
        return 0
    try:
        return (Path(str(folder)) / "adapters.safetensors").stat().st_size
    except OSError:
        return None


def _number(args: Mapping[str, Flag], name: str, otherwise: int | None) -> int | None:
    value = args.get(name, otherwise)
    try:
        return None if value is None else int(value)
    except ValueError:
        raise _bad(f"args: {name} takes a whole number, not '{value}'") from None


def _bad(why: str) -> EngineError:
    return EngineError(why, exit_class=ExitClass.BAD_FLAG)
