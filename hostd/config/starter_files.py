"""First configuration files, written by `hostd init`: short, with only the keys that this machine needs."""

from dataclasses import dataclass

from hostd.config.yaml_text import listed, quoted
from hostd.domain.ticket import Task

_HOST = """\
# Written by: hostd init. Every key is optional; what is in effect: hostd config show
profiles: model_profiles
warm: {keep_alive: 30m}
"""


@dataclass(frozen=True, slots=True)
class StarterProfile:
    """Profile for the GGUF file at *path*; *about* are sentences for comments, *gpu_layers* None means all layers."""

    name: str
    path: str
    context: int
    slots: int
    preload: bool
    aliases: tuple[str, ...] = ()
    task: Task = Task.TEXT
    gpu_layers: int | None = None
    about: tuple[str, ...] = ()


def host_text() -> str:
    """Return the text of a first `hostd.yaml`."""
    return _HOST


def is_writable(path: str) -> bool:
    """Return whether *path* can be written to a file: printable, and not read as a reference to the environment."""
    return path.isprintable() and "${env:" not in path


def profile_text(starter: StarterProfile) -> str:
    """Return the text of the profile's file."""
    lines = [f"# {_printable(sentence)}" for sentence in starter.about]
    lines.append(f"name: {quoted(starter.name)}")
    if starter.aliases:
        lines.append(f"aliases: [{listed(starter.aliases)}]")
    lines += ["variants:", f"  - {{backend: llamacpp, path: {quoted(starter.path)}}}"]
    lines += [f"context: {starter.context}", f"slots: {starter.slots}"]
    if starter.gpu_layers is not None:
        lines.append(f"args: {{n-gpu-layers: {starter.gpu_layers}}}")
    lines.append(f"warm: {{preload: {quoted(starter.preload)}}}")
    if starter.task is not Task.TEXT:
        lines.append(f"capabilities: {{{starter.task}: true}}")
    return "\n".join(lines) + "\n"


def _printable(sentence: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in sentence)
