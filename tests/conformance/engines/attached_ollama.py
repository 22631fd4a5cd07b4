"""An Ollama that runs already: a scripted one that the suite starts, and hostd only attaches to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hostd.backends.ollama.engine import Ollama
from hostd.domain.profile import Profile, Variant
from hostd.supervisor.launch import free_port
from tests.backends.running import running
from tests.conformance.engine import Engine, Stand
from tests.engines.ollama_server import command, put_model


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it as a stranger would, with the slots that hostd then takes it to have."""
    put_model(folder, "tiny:1b")
    theirs = Profile("theirs", (), context=4096, slots=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OLLAMA_MODELS", str(folder))
        backend = Ollama(command(token_delay=0.01, tokens=1000, computes=True))
        launch = backend.launch(theirs, Variant("ollama", tag="tiny:1b"), None, free_port(), "")
    async with running(launch):
        variant = Variant("ollama", tag="tiny:1b", url=launch.endpoint.url)
        yield Stand(Profile("tiny", (variant,), slots=2), {})


ENGINE = Engine("attached ollama", opens, long={"max_tokens": 1000}, attached=True)
