"""Where a variant's safetensors are on this machine, and whether they are complete: engines report that late and unclearly."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from hostd.domain.errors import EngineError
from hostd.domain.profile import Variant
from hostd.domain.reason import ExitClass
from hostd.domain.shape import Shape
from hostd.planning.formats.checkpoint_config import read_configuration
from hostd.planning.formats.checkpoint_tensors import sort_tensors
from hostd.planning.formats.gguf import NeedMore
from hostd.planning.formats.safetensors import PREFIX, CheckpointTensor, parse_safetensors

INDEX = "model.safetensors.index.json"
CONFIGURATION = "config.json"

_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)


def locate(variant: Variant, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of *variant*'s weights: its path, or where the model hub's own cache has the repository.

    Raises:
        EngineError: It names none, or has not been downloaded; class missing_file.
    """
    if variant.path is not None:
        return Path(variant.path).expanduser()
    if variant.hf is None:
        raise _missing(f"{variant.label} names neither 'path' nor 'hf'; say where its weights are")
    home = _cache(environ) / f"models--{variant.hf.replace('/', '--')}"
    try:
        commit = (home / "refs" / "main").read_text(encoding="ascii")[:64].strip()
    except (OSError, UnicodeDecodeError):
        commit = ""
    folder = home / "snapshots" / commit
    # The reference is a file that others write: only a commit may become part of a path.
    if not _COMMIT.fullmatch(commit) or not folder.is_dir():
        raise _missing(f"{variant.hf} is not on this machine; run: hostd pull hf:{variant.hf}")
    return folder


def accepts(backend: str, variant: Variant) -> str | None:
    """Return why *backend* cannot serve *variant* from a folder of weights, as a sentence for the owner, or None when it can."""
    if variant.backend != backend:
        return f"backend '{variant.backend}' is not {backend}"
    try:
        locate(variant)
    except EngineError as error:
        return error.message
    return None


def check(folder: Path) -> int:
    """Return the bytes of the weights in *folder*.

    Raises:
        EngineError: A part of the model is missing or cannot be read; class missing_file.
    """
    if not folder.is_dir():
        raise _missing(f"there is no folder {folder}; correct the variant's path, or download the model")
    configuration = _document(folder / CONFIGURATION)
    if not isinstance(configuration.get("model_type"), str):
        raise _missing(f"{folder / CONFIGURATION} does not say what model it is; download the model again")
    if (folder / INDEX).exists():
        named = _document(folder / INDEX).get("weight_map")
        parts = sorted(set(named.values())) if isinstance(named, dict) else []
        # Engines report a missing shard late, after they have loaded the others.
        if absent := [part for part in parts if not (folder / str(part)).is_file()]:
            raise _missing(f"{folder} lacks {', '.join(map(str, absent[:3]))}; download the model again")
    files = _files(folder)
    if not files:
        raise _missing(f"{folder} holds no .safetensors file, which this engine needs; correct the variant's path")
    return sum(_checked_size(file) for file in files)


def shape(folder: Path) -> Shape:
    """Return the numbers of the model in *folder*.

    Raises:
        BadModel: It contradicts itself.
        EngineError: A part of it cannot be read.
    """
    places = sort_tensors(tensor for file in _files(folder) for tensor in _tensors(file))
    return read_configuration(_document(folder / CONFIGURATION), places, name=folder.name)


def _files(folder: Path) -> list[Path]:
    """Return the files that an engine loads: the shards of the index, not the same weights again in another file."""
    found = sorted(folder.glob("*.safetensors"))
    if (folder / INDEX).exists():
        named = _document(folder / INDEX).get("weight_map")
        parts = set(map(str, named.values())) if isinstance(named, dict) else set()
        return [file for file in found if file.name in parts] or found
    # Some repositories have their weights twice: for transformers, and in one file of their authors' own format.
    return [file for file in found if not file.name.startswith("consolidated")] or found


def _tensors(file: Path) -> tuple[CheckpointTensor, ...]:
    size, want = file.stat().st_size, PREFIX
    with file.open("rb") as opened:
        while True:
            opened.seek(0)
            found = parse_safetensors(opened.read(want), size)
            if not isinstance(found, NeedMore):
                return found.tensors
            want = found.bytes


def _checked_size(file: Path) -> int:
    """Return a file's bytes after a look at its header, which a broken download lacks."""
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            header = int.from_bytes(opened.read(8), "little")
            begins = opened.read(1)
    except OSError as error:
        raise _missing(f"{file} cannot be read: {error.strerror}; give this user access to it") from error
    if begins != b"{" or header + 8 > size:
        raise _missing(f"{file} is not what its name says, or not whole; download it again")
    return size


def _document(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _missing(f"there is no {path}; this engine needs a folder with the model's configuration") from None
    except (OSError, ValueError) as error:
        raise _missing(f"{path} cannot be read ({error}); download it again") from error
    if not isinstance(found, dict):
        raise _missing(f"{path} is not what its name says; download it again")
    return found


def _cache(environ: Mapping[str, str]) -> Path:
    for name, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if environ.get(name):
            return Path(environ[name]).expanduser() / below
    cache = environ.get("XDG_CACHE_HOME")
    return (Path(cache).expanduser() if cache else Path.home() / ".cache") / "huggingface" / "hub"


def _missing(why: str) -> EngineError:
    return EngineError(why, exit_class=ExitClass.MISSING_FILE)
