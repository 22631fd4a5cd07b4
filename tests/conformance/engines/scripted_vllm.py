"""A scripted vLLM that hostd starts."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hostd.domain.profile import Flag, Profile, Variant
from tests import engines
from tests.conformance.engine import Engine, Stand
from tests.counting_model import write_counting_model

PROGRAM = (sys.executable, str(Path(engines.__path__[0]) / "scripted_vllm.py"))


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it on a folder that is a model by its files."""
    weights = write_counting_model(folder / "counting", 4096)
    script = {"token_delay": 0.01, "tokens": 1000, "load_bytes": 32 << 20}
    args: dict[str, Flag] = {"script": json.dumps(script), "strict-flags": True}
    profile = Profile("tiny", (Variant("vllm", path=str(weights)),), context=4096, slots=2, args=args)
    yield Stand(profile, {"vllm": PROGRAM})


ENGINE = Engine("scripted vllm", opens, long={"max_tokens": 1000})
