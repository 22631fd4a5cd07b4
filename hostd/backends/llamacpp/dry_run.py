"""Asks the installed llama.cpp what a model would need: the same program and flags, on a model without weights.

``llama-fit-params`` answers where it lies next to the llama-server that would serve; else the server inside the xllamacpp
wheel rehearses a load (`launchers/xllamacpp_dryrun.py`). Either takes well under a second, runs as a process of its own, and is
asked once: answers are kept on disk by model, build, flags and devices.
"""

import hashlib
import importlib.metadata
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hostd.backends.environment import engine_environment
from hostd.backends.llamacpp import faults, stub_model
from hostd.backends.llamacpp.build import LAUNCHER
from hostd.backends.llamacpp.measured_footprint import footprint_of
from hostd.backends.llamacpp.memory_log import MemoryProjection, projection
from hostd.domain.errors import EngineError
from hostd.domain.footprint import Footprint
from hostd.domain.reason import ExitClass
from hostd.planning.formats.gguf import GgufHeader

LIMIT = 20.0
"""Seconds that the engine gets; the first touch of a GPU's driver takes a few of them."""
KEPT = 512
"""Answers on disk; the oldest go first."""

_REHEARSAL = LAUNCHER.with_name("xllamacpp_dryrun.py")
_FIT_PARAMS = "llama-fit-params"
_TAIL = 40
# A program that ends may take the last lines of its log with it; the table on its standard output remains, in whole MiB.
_TRIES = 5
# What follows the rehearsal's table; anything after it is a load.
_ANSWERED = "params_fit_impl: projected"
# What llama-fit-params understands of a server's command line: flags with a value, and without.
_VALUED = """
    -c --ctx-size -np --parallel -b --batch-size -ub --ubatch-size -fa --flash-attn -ctk --cache-type-k -ctv --cache-type-v
    -ngl --gpu-layers --n-gpu-layers -sm --split-mode -ts --tensor-split -mg --main-gpu -dev --device -ot --override-tensor
    -ncmoe --n-cpu-moe -lm --load-mode
"""
_BARE = """
    --swa-full -cmoe --cpu-moe -nkvo --no-kv-offload -kvo --kv-offload -nr --no-repack --repack --no-host --op-offload
    --no-op-offload
"""
_UNIFIED = frozenset({"-kvu", "--kv-unified"})
# Whether and how far to shrink what does not fit is not the question here.
_FITTING = frozenset({"-fit", "--fit", "-fitc", "--fit-ctx", "-fitt", "--fit-target", "-lv", "--verbosity"})


@dataclass(frozen=True, slots=True)
class DryRun:
    """What to try: *program* is `llamacpp.locate`'s answer, *words* are `llamacpp.arguments`' (the path in it does not matter).

    *header* is the model's, of all parts together. *unified* says that the slots will share one KV cache without a flag among
    the words that says so. *projector* is the size in bytes of a vision tower that comes on top.
    """

    program: tuple[str, ...]
    words: tuple[str, ...]
    header: GgufHeader
    unified: bool = False
    projector: int = 0

    @property
    def shares_cache(self) -> bool:
        """Whether the slots share one KV cache."""
        return self.unified or not _UNIFIED.isdisjoint(self.words)


def dry_run(trial: DryRun, predicted: Footprint, folder: Path, *, host: str = "ram", limit: float = LIMIT) -> Footprint:
    """Return what the installed engine says that *trial* takes (tier ENGINE), from *folder* if it was asked before.

    *predicted* is the footprint by arithmetic for the same flags: it supplies what the engine does not count (what drivers and
    processes take), and what its dry run is known to leave out; the notes tell. *host* is the id of the pool that is main memory.

    Raises:
        EngineError: There is no engine that can be asked, it did not answer within *limit* seconds, or it refuses the model.
    """
    command, partial = _command(trial)
    environment = engine_environment(os.environ) | {"GGML_NO_BACKTRACE": "1"}
    if trial.shares_cache:
        environment["LLAMA_ARG_KV_UNIFIED"] = "1"
    path = folder / f"{_digest(trial.header, command, environment)}.json"
    said = _kept(path)
    if said is None:
        said = _ask(trial.header, command, environment, limit)
        _keep(path, said)
    leaves_out = partial and trial.shares_cache
    return footprint_of(said, predicted, host, projector=trial.projector, loose=partial, kv_from_header=leaves_out)


def _command(trial: DryRun) -> tuple[tuple[str, ...], bool]:
    """Return the command line to ask with, the model's path left off, and whether it leaves out what only a server sets."""
    if str(LAUNCHER) in trial.program:
        program = tuple(str(_REHEARSAL) if word == str(LAUNCHER) else word for word in trial.program)
        return (*program, *_without(trial.words, _FITTING | {"-m", "--model"})), False
    beside = Path(trial.program[0]).resolve().with_name(_FIT_PARAMS)
    if not os.access(beside, os.X_OK):
        raise EngineError(
            f"there is no {_FIT_PARAMS} next to {trial.program[0]}, so the engine cannot be asked what a model needs; "
            "install all of llama.cpp, or rely on the estimate from the header",
            exit_class=ExitClass.MISSING_FILE,
        )
    return (str(beside), *_understood(trial.words), "--fit-print", "on", "-lv", "5"), True


def _without(words: Sequence[str], unwanted: frozenset[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word in unwanted:
            next(rest, None)
        else:
            yield word


def _understood(words: Sequence[str]) -> Iterator[str]:
    valued, bare = _VALUED.split(), _BARE.split()
    rest = iter(words)
    for word in rest:
        if word in valued:
            yield from (word, next(rest, ""))
        elif word in bare:
            yield word


def _ask(
    header: GgufHeader, command: tuple[str, ...], environment: Mapping[str, str], limit: float
) -> MemoryProjection:
    with tempfile.TemporaryDirectory(prefix="hostd-", ignore_cleanup_errors=True) as folder:
        model = Path(folder) / "stub.gguf"
        try:
            stub_model.write(header, model)
            for _ in range(_TRIES):
                lines, table, status = _listen((*command, "-m", str(model)), environment, limit)
                said = projection(lines)
                # Both programs log in a thread of their own, and may end (the wheel by an assertion) before it is done.
                if said is not None or status not in (0, -signal.SIGABRT):
                    break
        except OSError as error:
            raise EngineError(
                f"the engine cannot be asked what a model needs: {error}", exit_class=ExitClass.MISSING_FILE
            ) from error
    said = said or projection(table)
    if said is None:
        raise _silent(lines, status, limit)
    return said


def _silent(lines: Sequence[str], status: int, limit: float) -> EngineError:
    tail = tuple(lines[-_TAIL:])
    told = [line.strip() for line in lines if " E " in line or "rror" in line] or [*tail[-1:], "it said nothing"]
    late = f" within {limit:g} s" if status == -signal.SIGKILL else ""
    return EngineError(
        f"the engine's dry run gave no answer{late}: {told[0]}; rely on the estimate from the header",
        exit_class=faults.classify(status, tail),
        tail=tail,
    )


def _listen(command: Sequence[str], environment: Mapping[str, str], limit: float) -> tuple[list[str], list[str], int]:
    """Return what the engine logs until it has answered or ended, what it prints besides, and its exit status."""
    lines: list[str] = []
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(  # noqa: S603 - the owner's engine, a list of words, no shell
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        alarm = threading.Timer(limit, _end, [process])
        alarm.start()
        with process:
            try:
                for raw in process.stderr or ():
                    lines.append(raw.decode(errors="replace").rstrip("\n"))
                    if _ANSWERED in lines[-1]:
                        _end(process)
                        break
            finally:
                alarm.cancel()
        printed.seek(0)
        return lines, printed.read().decode(errors="replace").splitlines(), process.returncode


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _digest(header: GgufHeader, command: Sequence[str], environment: Mapping[str, str]) -> str:
    head, size = stub_model.stub(header)
    words = [*command, str(size), *(f"{name}={environment[name]}" for name in sorted(environment))]
    with suppress(OSError):
        about = Path(command[0]).stat()
        words.append(f"{about.st_size} {about.st_mtime_ns}")
    with suppress(importlib.metadata.PackageNotFoundError):
        words.append(importlib.metadata.version("xllamacpp"))
    return hashlib.sha256(head + "\0".join(words).encode(errors="surrogateescape")).hexdigest()[:40]


def _kept(path: Path) -> MemoryProjection | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        devices = {str(name): (int(m), int(c), int(s)) for name, (m, c, s) in kept["devices"].items()}
        kv, recurrent = (None if kept[name] is None else int(kept[name]) for name in ("kv", "recurrent"))
        states = {str(name): int(count) for name, count in kept["states"].items()}
        return MemoryProjection(devices, kv, recurrent, states, int(kept["output"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _keep(path: Path, said: MemoryProjection) -> None:
    """Keep an answer; failing to is no failure."""
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text(json.dumps(asdict(said)), encoding="utf-8")
        draft.replace(path)
        for old in sorted(path.parent.glob("*.json"), key=lambda each: -each.stat().st_mtime)[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        with suppress(OSError):
            draft.unlink()
