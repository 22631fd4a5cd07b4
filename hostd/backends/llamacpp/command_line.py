"""llama-server's command line for a profile, and the program it is for; plans read from it how a model will be served."""

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from hostd.backends.llamacpp import gguf_file
from hostd.backends.llamacpp.build import LAUNCHER
from hostd.backends.llamacpp.placement import placement_words
from hostd.domain.errors import EngineError
from hostd.domain.profile import Flag, Profile
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.planning.warm_set.load_option import LoadOption
from hostd.programs import find_program

PYTHON_SERVER = "llama_cpp.server"
"""The module of llama-cpp-python's server, the last choice."""

DEFAULT = ("llama-server",)
# YAML reads the words on and off as booleans, and these flags want the words.
_ON_OFF = frozenset({"flash-attn", "fit", "reasoning"})
_READ_WHOLE = frozenset({"clef", "laya", "lfm2-d1-omni", "vllm-d3"})
"""Decision models that see all of a prompt at once: it must fit into one physical batch."""


def locate(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the argv prefix of the llama.cpp that this host has; see the module for the order.

    Raises:
        EngineError: The configured command does not exist, or nothing is installed.
    """
    if command and command != DEFAULT:
        program = find_program(command[0])
        if program is None:
            raise EngineError(
                f"the command '{command[0]}' was not found; correct backends.llamacpp.command in hostd.yaml",
                exit_class=ExitClass.MISSING_FILE,
            )
        return (program, *command[1:])
    # The owner's own build comes before the wheel: it may have been built for this machine's accelerators.
    program = find_program(DEFAULT[0])
    if program is not None:
        return (program,)
    # -P: no module of the folder that hostd was started from; -u: log lines at once, since they show that a load progresses.
    if importlib.util.find_spec("xllamacpp"):
        return (sys.executable, "-P", "-u", str(LAUNCHER))
    if importlib.util.find_spec("llama_cpp"):
        return (sys.executable, "-P", "-u", "-m", PYTHON_SERVER)
    raise EngineError(
        "no llama.cpp was found: put llama-server on PATH, or run: pip install 'hostd[llamacpp]'",
        exit_class=ExitClass.MISSING_FILE,
    )


def arguments(profile: Profile, path: Path, address: int | str, option: LoadOption | None = None) -> tuple[str, ...]:
    """Return llama-server's flags for a model file at the *address*, a port or the path of a socket.

    The profile's own ``args`` come last and win, over *option* as well.
    """
    where = ("--host", address) if isinstance(address, str) else ("--host", "127.0.0.1", "--port", str(address))
    words = ["-m", str(path), *where, "--alias", profile.name]
    if profile.context is not None:
        # llama-server divides its context among the slots.
        words += ["-c", str(profile.context * profile.slots)]
    words += ["-np", str(profile.slots), "--metrics"]
    if profile.kv.save and profile.capabilities.task is Task.TEXT:
        # Each request is told its slot, and then the server never looks into its own cache of prompts.
        words += ["--cache-ram", "0"]
    if profile.kv_type != "f16":
        words += ["-ctk", profile.kv_type, "-ctv", profile.kv_type]
    if profile.capabilities.task is Task.EMBEDDINGS:
        words += ["--embeddings", *_pooling(profile, path)]
    elif profile.capabilities.task is Task.RERANK:
        words += ["--reranking", *_whole_batch(profile)]
    elif profile.capabilities.task is Task.DECISIONS and gguf_file.decision_type(path) in _READ_WHOLE:
        words += _whole_batch(profile)
    return (*words, *placement_words(option, profile.args, profile.draft), *flags(profile.args))


def flags(args: Mapping[str, Flag]) -> Iterator[str]:
    """Yield a profile's ``args`` as llama-server's words: ``true`` is a bare flag, ``false`` its ``--no-`` form."""
    for name, value in args.items():
        if not isinstance(value, bool):
            yield from (f"--{name}", str(value))
        elif name in _ON_OFF:
            yield from (f"--{name}", "on" if value else "off")
        else:
            yield f"--{name}" if value else f"--no-{name}"


def _pooling(profile: Profile, path: Path) -> tuple[str, ...]:
    """Return the flags without which an embeddings request would fail.

    A model made for text names no pooling; of its tokens only the last one has seen them all. Pooling over all tokens
    works within one physical batch only, so that batch must hold the longest request.
    """
    own = profile.args.get("pooling", gguf_file.pooling(path))
    if own in (None, "none"):
        return ("--pooling", "last")
    if own == "last":
        return ()
    return _whole_batch(profile)


def _whole_batch(profile: Profile) -> tuple[str, ...]:
    """Return the flags by which one physical batch holds the longest request."""
    batch = str(profile.context or 2048)
    return ("-b", batch, "-ub", batch)
