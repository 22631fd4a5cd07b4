"""What installing and uninstalling do, step by step: files and commands, so that they can be shown before any of it is done."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from hostd.domain.errors import HostdError
from hostd.programs import output_of, quiet_environment

_SECONDS = 150.0
"""A stop may take as long as TimeoutStopSec= in the units says, and a start comes after it."""
_KEPT = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


class ServiceError(HostdError):
    """A step failed; says what to do next."""

    code = "service"


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write *content* to *path*, whose folder is made if need be."""

    path: Path
    content: str


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Remove the file at *path* if there is one."""

    path: Path


@dataclass(frozen=True, slots=True)
class RunCommand:
    """Run *argv*; an *optional* one may fail."""

    argv: tuple[str, ...]
    optional: bool = False


ServiceStep = WriteFile | RemoveFile | RunCommand


def described(steps: Iterable[ServiceStep]) -> Iterator[str]:
    """Yield the lines that show *steps*: the content of files below their names, and commands behind a ``$``."""
    for step in steps:
        match step:
            case WriteFile(path, content):
                yield f"# {path}"
                yield from (f"    {line}".rstrip() for line in content.splitlines())
            case RemoveFile(path):
                yield f"$ rm {path}"
            case RunCommand(argv):
                yield f"$ {' '.join(argv)}"


def differences(steps: Iterable[ServiceStep]) -> str:
    """Return a diff of the files that are there and that *steps* would change; the empty text where none is."""
    found = list[str]()
    for step in steps:
        if isinstance(step, WriteFile):
            with suppress(FileNotFoundError):
                there = step.path.read_text("utf-8", "replace").splitlines()
                found += unified_diff(there, step.content.splitlines(), str(step.path), "this hostd's", lineterm="")
    return "\n".join(found)


def run_steps(steps: Sequence[ServiceStep]) -> None:
    """Take *steps* one after the other.

    Raises:
        ServiceError: A command failed, with what it printed; the steps after it are not taken.
        OSError: A file cannot be written or removed.
    """
    for step in steps:
        match step:
            case WriteFile(path, content):
                path.parent.mkdir(parents=True, exist_ok=True)
                draft = path.with_name(f".{path.name}.new")
                draft.write_text(content, "utf-8")
                # Readable to all, whatever the umask: the manager reads it as a user of its own.
                draft.chmod(0o644)
                draft.replace(path)
            case RemoveFile(path):
                path.unlink(missing_ok=True)
            case RunCommand(argv, optional):
                status, text = ask(argv)
                if status and not optional:
                    raise ServiceError(f"{' '.join(argv)} failed: {text.strip() or f'exit code {status}'}")


def ask(argv: Sequence[str]) -> tuple[int, str]:
    """Return the exit code of *argv* and all that it printed; 127 where it cannot be started. Blocks."""
    environment = quiet_environment() | {name: os.environ[name] for name in _KEPT if name in os.environ}
    ended = output_of(argv, environment, seconds=_SECONDS, errors_too=True)
    return (127, f"{argv[0]} cannot be run, or took too long") if ended is None else (ended.status, ended.text)
