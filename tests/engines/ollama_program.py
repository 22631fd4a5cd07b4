"""The real Ollama, where it is installed, and stores for it."""

import hashlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from hostd.backends.contract import Endpoint, Launch
from hostd.models.reference import REGISTRY
from hostd.supervisor.launch import free_port
from tests.backends.running import Running, running
from tests.conformance.engine import Missing, program_of

IMAGE = "application/vnd.ollama.image"


def program() -> str:
    """Return Ollama's executable.

    Raises:
        Missing: There is none.
    """
    return program_of("ollama", "HOSTD_TEST_OLLAMA")


def installed() -> str | None:
    """Return Ollama's executable, or None where it is not installed."""
    try:
        return program()
    except Missing:
        return None


@asynccontextmanager
async def serving(store: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[Running]:
    """Run Ollama as its owner would, on *store* and a port of its own, with other *settings* if any."""
    port = free_port()
    places = {"HOME": str(store), "OLLAMA_MODELS": str(store), "OLLAMA_HOST": f"127.0.0.1:{port}"}
    env = {"PATH": os.environ["PATH"], **places, "OLLAMA_NO_CLOUD": "1", **(settings or {})}
    endpoint = Endpoint(f"http://127.0.0.1:{port}", "", strict_model=True)
    async with running(Launch((program(), "serve"), env, endpoint, "/api/version", slots=1)) as engine:
        yield engine


def put_real_model(store: Path, tag: str, weights: Path, **layers: bytes) -> None:
    """Put *tag* into *store* as a pull would, of the GGUF file *weights* and other *layers* by their kind.

    `/api/create` is no way to do it: of a file it makes a model by llama-quantize, which is not installed beside llama-server.
    """
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    config = json.dumps({"model_format": "gguf", "model_family": "llama", "model_families": ["llama"]}).encode()
    parts = {f"{IMAGE}.model": weights.read_bytes()} | {f"{IMAGE}.{kind}": layer for kind, layer in layers.items()}
    listed = [_layer(store, media, content) for media, content in parts.items()]
    head = _layer(store, "application/vnd.docker.container.image.v1+json", config)
    name, _, version = tag.partition(":")
    path = store / "manifests" / REGISTRY / "library" / name / (version or "latest")
    path.parent.mkdir(parents=True, exist_ok=True)
    media = "application/vnd.docker.distribution.manifest.v2+json"
    path.write_text(json.dumps({"schemaVersion": 2, "mediaType": media, "config": head, "layers": listed}))


def _layer(store: Path, media: str, content: bytes) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    (store / "blobs" / f"sha256-{digest}").write_bytes(content)
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)}
