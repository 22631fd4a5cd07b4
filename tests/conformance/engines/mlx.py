"""mlx-lm's server in an environment of its own, behind hostd's launcher; it computes on the CPU where there is no Mac."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hostd.domain.profile import Profile, Variant
from tests.conformance.engine import Engine, Stand, python_of
from tests.counting_model import write_counting_model


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it on a model that counts."""
    python = python_of("mlx", "HOSTD_TEST_MLX")
    weights = write_counting_model(folder / "counting", 16_384)
    profile = Profile("tiny", (Variant("mlx", path=str(weights)),), context=16_384, slots=2)
    yield Stand(profile, {"mlx": (python,)})


ENGINE = Engine("mlx-lm", opens, long={"max_tokens": 12_000}, slow=True)
