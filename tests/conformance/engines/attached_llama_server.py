"""A server that runs already: a scripted llama-server that the suite starts, and hostd only attaches to."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.profile import Flag, Profile, Variant
from hostd.supervisor.launch import free_port
from tests.backends.running import running
from tests.conformance.engine import Engine, Stand
from tests.stage import ENGINE as COMMAND


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it as a stranger would."""
    weights = folder / "theirs.gguf"
    weights.write_bytes(b"GGUF" + bytes(60))
    args: dict[str, Flag] = {"script": json.dumps({"token_delay": 0.01, "tokens": 1000}), "sse-ping-interval": 1}
    theirs = Profile("theirs", (), context=4096, slots=2, args=args)
    launch = LlamaCpp(COMMAND).launch(theirs, Variant("llamacpp", path=str(weights)), None, free_port(), "their-key")
    async with running(launch):
        variant = Variant("openai", url=f"{launch.endpoint.url}/v1", api_key="their-key")
        yield Stand(Profile("tiny", (variant,), slots=2), {})


ENGINE = Engine("attached llama-server", opens, long={"max_tokens": 1000}, attached=True)
