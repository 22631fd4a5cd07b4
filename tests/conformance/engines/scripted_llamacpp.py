"""The scripted engine, which speaks as llama-server does."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hostd.domain.profile import Flag, Profile, Variant
from tests.conformance.engine import Engine, Stand
from tests.stage import ENGINE as COMMAND


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it on a file that begins like a model."""
    weights = folder / "scripted.gguf"
    weights.write_bytes(b"GGUF" + bytes(60))
    args: dict[str, Flag] = {
        "script": json.dumps({"token_delay": 0.01, "tokens": 1000}),
        "strict-flags": True,
        "sse-ping-interval": 1,
    }
    profile = Profile("tiny", (Variant("llamacpp", path=str(weights)),), context=4096, slots=2, args=args)
    yield Stand(profile, {"llamacpp": COMMAND})


ENGINE = Engine("scripted llama-server", opens, long={"max_tokens": 1000})
