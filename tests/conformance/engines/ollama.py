"""The real Ollama, which hostd starts, on a store with the demonstration's model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hostd.domain.profile import Profile, Variant
from tests.conformance.engine import Engine, Stand
from tests.conformance.models import CONTEXT, endless_chat
from tests.engines.ollama_program import program, put_real_model


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run the executable that is on PATH, or that the environment names."""
    command = (program(),)
    store = folder / "store"
    # Threads that wait for one another spin, and on a busy machine an answer would stand still for a minute.
    put_real_model(store, "tiny:1b", endless_chat(folder), params=b'{"num_thread": 1}')
    profile = Profile("tiny", (Variant("ollama", tag="tiny:1b"),), context=CONTEXT, slots=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OLLAMA_MODELS", str(store))
        yield Stand(profile, {"ollama": command})


ENGINE = Engine(
    "ollama",
    opens,
    # Otherwise the token that now ends an answer may be drawn: it never is the most likely one.
    long={"max_tokens": 12_000, "temperature": 0},
    misses={"a_bad_flag_is_classified": "Ollama takes no flags, and what it has no variable for is left out"},
    absent=lambda stand: stand.vary(tag="absent"),
)
