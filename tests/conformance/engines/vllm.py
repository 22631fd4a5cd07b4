"""vLLM in an environment of its own, here its build for processors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hostd.domain.profile import Profile, Variant
from tests.conformance.engine import Engine, Stand, python_of
from tests.counting_model import write_counting_model


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it on a model that counts."""
    python = python_of("vllm", "HOSTD_TEST_VLLM")
    weights = write_counting_model(folder / "counting", 16_384)
    profile = Profile("tiny", (Variant("vllm", path=str(weights)),), context=16_384, slots=2)
    yield Stand(profile, {"vllm": (python,)})


ENGINE = Engine("vllm", opens, seconds=120.0, slow=True)
