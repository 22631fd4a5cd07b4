"""A scripted Ollama for tests of its clients: a store with models, and the command that serves it."""

import json
import sys
from pathlib import Path

PROGRAM = (sys.executable, str(Path(__file__).with_name("scripted_ollama.py")))


def put_model(store: Path, tag: str) -> None:
    """Put a model of the official library into *store*."""
    name, _, version = tag.partition(":")
    path = store / "manifests" / "registry.ollama.ai" / "library" / name / (version or "latest")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


def command(**script: object) -> tuple[str, ...]:
    """Return the command of an Ollama that does as *script* says."""
    return (*PROGRAM, "--script", json.dumps(script))
