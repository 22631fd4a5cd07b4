"""Folders of models and addresses of hubs, from the variables and files that the hubs' own programs use."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

REGISTRY_URL = "https://registry.ollama.ai"

_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}")
_TRUE = frozenset({"1", "on", "yes", "true"})


@dataclass(frozen=True, slots=True)
class ModelLocations:
    """Folders and addresses; *hub_token* is sent to the origin of *hub* only. With *offline* no hub is asked.

    *stored_first* says that this is because what is stored is looked at first, and not for want of a network.
    """

    headers: Path
    hub_cache: Path
    ollama_stores: tuple[Path, ...] = ()
    lm_studio: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    hub: str = "https://huggingface.co"
    hub_token: str | None = field(default=None, repr=False)
    registry: str = REGISTRY_URL
    ollama_server: str | None = None
    offline: bool = False
    stored_first: bool = False


def find_locations(environ: Mapping[str, str], home: Path | None = None) -> ModelLocations:
    """Return the locations that *environ* names, or else the usual ones below *home*."""
    home = home or Path.home()

    def folder(name: str, otherwise: Path) -> Path:
        given = environ.get(name)
        return Path(given).expanduser() if given else otherwise

    hub_home = folder("HF_HOME", folder("XDG_CACHE_HOME", home / ".cache") / "huggingface")
    own_ollama = folder("OLLAMA_MODELS", home / ".ollama" / "models")
    return ModelLocations(
        headers=folder("XDG_CACHE_HOME", platformdirs.user_cache_path()) / "hostd" / "headers",
        hub_cache=folder("HF_HUB_CACHE", folder("HUGGINGFACE_HUB_CACHE", hub_home / "hub")),
        ollama_stores=(own_ollama, Path("/usr/share/ollama/.ollama/models"), Path("/var/lib/ollama/models")),
        lm_studio=(home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"),
        folders=(home / "models",),
        hub=environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co",
        hub_token=_token(environ, folder("HF_TOKEN_PATH", hub_home / "token")),
        registry=environ.get("HOSTD_OLLAMA_REGISTRY", "").rstrip("/") or REGISTRY_URL,
        ollama_server=_ollama_server(environ.get("OLLAMA_HOST", "")),
        offline=any(environ.get(name, "").lower() in _TRUE for name in ("HF_HUB_OFFLINE", "HOSTD_OFFLINE")),
    )


def this_machine() -> ModelLocations:
    """Return the locations of the user that runs this process."""
    return find_locations(os.environ)


def _ollama_server(host: str) -> str | None:
    """Return the address of the Ollama that $OLLAMA_HOST names; None for one on another machine, whose store is not here."""
    try:
        parts = urlsplit(host if "://" in host else f"http://{host}")
        name, port = parts.hostname or "127.0.0.1", parts.port or 11434
    except ValueError:
        return None
    # What it listens on may be every address of this machine.
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104 - nothing is bound here
    if name not in ("127.0.0.1", "::1", "localhost"):
        return None
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}:{port}"


def _token(environ: Mapping[str, str], file: Path) -> str | None:
    token = environ.get("HF_TOKEN") or environ.get("HUGGING_FACE_HUB_TOKEN")
    if not token and environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").lower() not in _TRUE:
        try:
            token = file.read_text(encoding="utf-8")[:2048]
        except (OSError, UnicodeDecodeError):
            return None
    token = (token or "").strip()
    # A token that holds a line end would write a header of its own.
    return token if _TOKEN.fullmatch(token) else None
