"""llama.cpp's server inside the xllamacpp wheel, behind our own launcher."""

import importlib.util
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hostd.backends.llamacpp.build import LAUNCHER
from hostd.domain.profile import Profile, Variant
from tests.conformance.engine import Engine, Missing, Stand
from tests.conformance.models import CONTEXT, long_chat

MISSES = {
    "abort_of_a_whole_answer_beside_a_stream_frees_the_slot": (
        "llama-server looks for disconnected clients only after a second in which it had no result for any client; "
        "the gateway requests streams for whole answers as well, so that behind hostd the slot is free at once"
    )
}


def profile(folder: Path) -> Profile:
    """Return a profile that llama.cpp serves in any of its builds, its model in *folder*."""
    variant = Variant("llamacpp", path=str(long_chat(folder)))
    return Profile("tiny", (variant,), context=CONTEXT, slots=2, args={"threads": 1})


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it in the interpreter that runs hostd."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise Missing("xllamacpp is not installed: pip install 'hostd[llamacpp]'")
    yield Stand(profile(folder), {"llamacpp": (sys.executable, "-P", "-u", str(LAUNCHER))})


ENGINE = Engine("xllamacpp", opens, misses=MISSES)
