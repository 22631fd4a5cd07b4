"""A scripted Ollama that hostd starts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hostd.domain.profile import Profile, Variant
from tests.conformance.engine import Engine, Stand
from tests.engines.ollama_server import command, put_model


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it on a store with one model; it computes while it generates, for it tells nothing of its slots."""
    put_model(folder, "tiny:1b")
    profile = Profile("tiny", (Variant("ollama", tag="tiny:1b"),), context=4096, slots=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OLLAMA_MODELS", str(folder))
        script = {"token_delay": 0.01, "tokens": 1000, "computes": True, "load_bytes": 32 << 20}
        yield Stand(profile, {"ollama": command(**script)})


ENGINE = Engine(
    "scripted ollama",
    opens,
    long={"max_tokens": 1000},
    misses={"a_bad_flag_is_classified": "Ollama takes no flags, and what it has no variable for is left out"},
    absent=lambda stand: stand.vary(tag="absent"),
)
