"""The llama-server executable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conformance.engine import Engine, Stand, program_of
from tests.conformance.engines.llamacpp_wheel import MISSES, profile


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run the executable that is on PATH, or that the environment names."""
    yield Stand(profile(folder), {"llamacpp": (program_of("llama-server", "HOSTD_TEST_LLAMA_SERVER"),)})


ENGINE = Engine("llama-server", opens, misses=MISSES)
