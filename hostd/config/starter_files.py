"""The first files of an owner who has none: short, with nothing in them that is not about this machine."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

_HOST = """\
# Written by: hostd init. Every key is optional; what is in effect: hostd config show
profiles: model_profiles
warm: {keep_alive: 30m}
"""


@dataclass(frozen=True, slots=True)
class StarterProfile:
    """A profile for a GGUF file at *path*; *about* are sentences that become comments. *gpu_layers* None: all of them."""

    name: str
    path: str
    context: int
    slots: int
    preload: bool
    aliases: tuple[str, ...] = ()
    embeddings: bool = False
    gpu_layers: int | None = None
    about: tuple[str, ...] = ()


def host_text() -> str:
    """Return a `hostd.yaml` to begin with."""
    return _HOST


def is_writable(path: str) -> bool:
    """Return whether *path* can stand in a file: printable, and not taken for a reference to the environment."""
    return path.isprintable() and "${env:" not in path


def profile_text(starter: StarterProfile) -> str:
    """Return a profile's file."""
    lines = [f"# {_printable(sentence)}" for sentence in starter.about]
    lines.append(f"name: {_quoted(starter.name)}")
    if starter.aliases:
        lines.append(f"aliases: [{_listed(starter.aliases)}]")
    lines += ["variants:", f"  - {{backend: llamacpp, path: {_quoted(starter.path)}}}"]
    lines += [f"context: {starter.context}", f"slots: {starter.slots}"]
    if starter.gpu_layers is not None:
        lines.append(f"args: {{n-gpu-layers: {starter.gpu_layers}}}")
    lines.append(f"warm: {{preload: {_quoted(starter.preload)}}}")
    if starter.embeddings:
        lines.append("capabilities: {embeddings: true}")
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    """Return *value* in YAML; JSON is a part of that, and quotes leave no name to be taken for something else."""
    return json.dumps(value, ensure_ascii=False)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _printable(sentence: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in sentence)
