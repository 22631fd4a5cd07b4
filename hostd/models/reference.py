"""References to models, as they are written on the command line and in profiles.

A reference decides which file is opened or which address is asked, so each part of it is held to a strict alphabet here,
once, and what comes out may be joined to folders and addresses without a second look.
"""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hostd.domain.profile import Variant
from hostd.models.errors import BadReference

HUB = "hf:"
REGISTRY = "registry.ollama.ai"
WEIGHTS = (".gguf", ".safetensors")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./+-]{0,199}", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9_][\w.+-]{0,127}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:\d{1,5})?", re.ASCII)
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file, or a folder that holds a model."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository on Hugging Face, or one file of it; *revision* is a branch, a tag or a commit."""

    repo: str
    file: str | None = None
    revision: str = "main"

    def __str__(self) -> str:
        file = f"/{self.file}" if self.file else ""
        return f"hf:{self.repo}{file}" + ("" if self.revision == "main" else f"@{self.revision}")


@dataclass(frozen=True, slots=True)
class OllamaReference:
    """A model by Ollama's rules: ``host/namespace/name:tag``, where all but the name have defaults."""

    name: str
    tag: str = "latest"
    namespace: str = "library"
    host: str = REGISTRY

    @property
    def short(self) -> str:
        """The name as Ollama lists it, without what is default."""
        host = "" if self.host == REGISTRY else f"{self.host}/"
        space = "" if not host and self.namespace == "library" else f"{self.namespace}/"
        return f"{host}{space}{self.name}:{self.tag}"

    def __str__(self) -> str:
        return f"ollama:{self.short}"


@dataclass(frozen=True, slots=True)
class ProfileReference:
    """A profile that the owner declared; its variants say where the weights are."""

    name: str

    def __str__(self) -> str:
        return self.name


Reference = FileReference | HubReference | OllamaReference | ProfileReference


def parse_reference(text: str, profiles: Collection[str] = ()) -> Reference:
    """Return what *text* names: ``hf:REPO[/FILE][@REV]``, ``ollama:NAME[:TAG]``, one of *profiles*, or a path.

    Raises:
        BadReference: It is none of them, or a part of it has characters that no such name has.
    """
    text = text.strip()
    if not text or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise BadReference(
            f"{text!r} names no model; write a path, hf:REPO[/FILE], ollama:NAME[:TAG] or a profile's name"
        )
    kind, colon, rest = text.partition(":")
    if colon and kind == "hf":
        return _hub(rest)
    if colon and kind == "ollama":
        return _ollama(rest)
    if text in profiles:
        return ProfileReference(text)
    path = Path(text).expanduser() if text.startswith("~") else Path(text)
    # Of a name that is too long for a file, pathlib raises an error.
    if os.path.exists(path) or text.endswith(WEIGHTS) or text.startswith(("/", "./", "../", "~")):  # noqa: PTH110
        return FileReference(path)
    raise BadReference(
        f"there is no profile and no file '{text}'; write a path, hf:{text if '/' in text else 'REPO'}, "
        f"or ollama:{text if '/' not in text else 'NAME[:TAG]'}; profiles are listed by: hostd ls"
    )


def variant_reference(variant: Variant) -> Reference | None:
    """Return where the weights of *variant* are; None for a server that hostd does not run.

    Raises:
        BadReference: The variant names a repository, file or tag that cannot be.
    """
    if variant.path:
        return FileReference(Path(variant.path).expanduser())
    if variant.hf:
        return _hub(f"{variant.hf}/{variant.file}" if variant.file else variant.hf)
    return _ollama(variant.tag) if variant.tag else None


def is_safe_file(name: str) -> bool:
    """Return whether *name*, told by a hub, stays below the folder that it is joined to, on every system."""
    return bool(
        0 < len(name) <= 512
        and "\\" not in name
        and _DRIVE.match(name) is None
        and all(part not in ("", ".", "..") for part in name.split("/"))
        and name.isprintable()
    )


def _hub(text: str) -> HubReference:
    text, at, revision = text.partition("@")
    parts = text.split("/", 2)
    repo, file = "/".join(parts[:2]), parts[2] if len(parts) > 2 else None
    if _REPO.fullmatch(repo) is None or ".." in repo or "--" in repo:
        raise BadReference(f"'{repo}' is no repository on Hugging Face; write hf:OWNER/NAME or hf:OWNER/NAME/FILE")
    if at and (_REVISION.fullmatch(revision) is None or ".." in revision):
        raise BadReference(f"'{revision}' is no revision; write a branch, a tag or a commit after the @")
    if file is not None and file.endswith(PICKLES):
        raise BadReference(
            f"'{file}' is pickled, and loading such a file can run any code that is in it; name a .gguf or .safetensors file"
        )
    if file is not None and not (is_safe_file(file) and file.endswith(WEIGHTS)):
        raise BadReference(f"'{file}' is no file of weights; name a .gguf or .safetensors file of {repo}")
    return HubReference(repo, file, revision or "main")


def _ollama(text: str) -> OllamaReference:
    path, tag = text, "latest"
    if ":" in text.rsplit("/", 1)[-1]:
        path, _, tag = text.rpartition(":")
    *before, name = path.split("/")
    host, namespace = REGISTRY, "library"
    if len(before) == 2:
        host, namespace = before
    elif len(before) == 1:
        namespace = before[0]
    parts = (name, tag, namespace)
    if len(before) > 2 or _HOST.fullmatch(host) is None or any(_PART.fullmatch(part) is None for part in parts):
        raise BadReference(
            f"'{text}' is no model of Ollama's; write ollama:NAME, ollama:NAME:TAG or ollama:OWNER/NAME:TAG"
        )
    return OllamaReference(name, tag, namespace, host)
