"""A daemon whose one model is scripted: it calls the tool that an agent offers, and answers with the result."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hostd.supervisor.launch import free_port
from tests.journeys.agents.programs import ROOT, SCRIPT
from tests.journeys.host import Host, serving

MODEL, SECOND = "agent-model", "second-model"
CONTEXT = 131_072


@contextmanager
def scripted_host(
    folder: Path,
    script: Mapping[str, object] = SCRIPT,
    *,
    keys: Mapping[str, str] | None = None,
    roles: Mapping[str, Any] | None = None,
    **more: Any,
) -> Iterator[Host]:
    """Run both until the block ends; the profile has *more* members, and clients need *keys* where they are given.

    With *roles*, there is a second profile of the same model for them to choose.
    """
    port = free_port()
    program = ROOT / "tests/engines/scripted_agent.py"
    argv = [sys.executable, str(program), "--port", str(port), "--script", json.dumps(dict(script))]
    upstream = subprocess.Popen(argv, stdin=subprocess.PIPE)
    variant = {"backend": "openai", "url": f"http://127.0.0.1:{port}/v1", "model": "big-1"}
    document: dict[str, Any] = {
        "name": MODEL,
        "variants": [variant],
        "context": CONTEXT,
        "slots": 4,
        "limits": {"max_concurrent": 4},
        "capabilities": {"tools": True},
        **more,
    }
    try:
        settings = {name: each for name, each in (("keys", keys), ("roles", roles)) if each is not None}
        second = [] if roles is None else [document | {"name": SECOND, "aliases": []}]
        with serving(folder, document, *second, **settings) as host:
            yield host
    finally:
        upstream.kill()
        upstream.communicate()
