"""Where Ollama keeps its models on this machine: the owner's store, or that of the service that its installer sets up."""

from collections.abc import Mapping
from pathlib import Path

from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass

SERVICES = (Path("/usr/share/ollama/.ollama/models"), Path("/var/lib/ollama/models"))
_HOST, _SPACE, _VERSION = "registry.ollama.ai", "library", "latest"


def store_of(tag: str, environ: Mapping[str, str]) -> Path:
    """Return the first store on this machine that has *tag*.

    Raises:
        EngineError: None has it; class missing_file.
    """
    stores = (own_store(environ), *SERVICES)
    for store in stores:
        if _has(store, tag):
            return store
    raise EngineError(
        f"no store of Ollama's on this machine has {tag}; run: hostd pull ollama:{tag}",
        exit_class=ExitClass.MISSING_FILE,
    )


def own_store(environ: Mapping[str, str]) -> Path:
    """Return the store of the user that hostd runs as."""
    named = environ.get("OLLAMA_MODELS")
    return Path(named).expanduser() if named else home(environ) / ".ollama" / "models"


def home(environ: Mapping[str, str]) -> Path:
    """Return the user's home folder, without which Ollama does not start.

    Raises:
        EngineError: There is none; class missing_file.
    """
    folder = Path(environ.get("HOME") or Path.home())
    if not folder.is_dir():
        raise EngineError(
            f"Ollama needs a home folder for its identity, and {folder} is none; set HOME where hostd starts",
            exit_class=ExitClass.MISSING_FILE,
        )
    return folder


def full_name(tag: str) -> str:
    """Return *tag* as Ollama lists it: with its version."""
    return tag if ":" in tag.rpartition("/")[2] else f"{tag}:{_VERSION}"


def _has(store: Path, tag: str) -> bool:
    name, _, version = full_name(tag).rpartition(":")
    *before, last = name.split("/")
    host, space = (*(_HOST, _SPACE)[: 2 - len(before)], *before)[:2]
    try:
        return store.joinpath("manifests", host, space, last, version).is_file()
    except OSError:
        # Another user's store may not be readable.
        return False
