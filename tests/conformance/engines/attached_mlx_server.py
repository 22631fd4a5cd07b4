"""A bare mlx_lm.server that hostd only attaches to, without what the launcher adds to it: a scripted one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hostd.domain.profile import Profile, Variant
from tests.conformance.engine import Engine, Stand
from tests.engines.playing import played

_NO_LIMIT = "mlx_lm.server has no limit of context, and reports none to an attached hostd"


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it without hostd's launcher."""
    script = json.dumps({"token_delay": 0.01, "tokens": 1000, "computes": True})
    words = ("--model", str(folder), "--port", "PORT", "--decode-concurrency", "2", "--script", script)
    async with played("mlx", *words) as engine:
        await engine.until_up("/health")
        yield Stand(Profile("tiny", (Variant("openai", url=f"{engine.url}/v1"),), slots=2))


ENGINE = Engine(
    "attached mlx_lm.server",
    opens,
    long={"max_tokens": 1000},
    attached=True,
    misses={
        "context_too_long_is_refused": _NO_LIMIT,
        "context_too_long_is_refused_in_a_stream": _NO_LIMIT,
        "abort_of_a_whole_answer_frees_the_slot": "mlx_lm.server generates whole answers to the end for any client",
        "abort_of_a_whole_answer_beside_a_stream_frees_the_slot": "likewise, beside any stream",
    },
)
