"""The server of llama-cpp-python: one request at a time, and no look for clients that hang up before a whole answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conformance.engine import Engine, Stand, python_of
from tests.conformance.engines.llamacpp_wheel import profile
from tests.conformance.models import END_OF_TEXT


@asynccontextmanager
async def opens(folder: Path) -> AsyncIterator[Stand]:
    """Run it in its own environment."""
    python = python_of("llama-cpp-python", "HOSTD_TEST_LLAMA_CPP_PYTHON")
    yield Stand(profile(folder), {"llamacpp": (python, "-P", "-u", "-m", "llama_cpp.server")})


ENGINE = Engine(
    "llama-cpp-python",
    opens,
    slots=1,
    slow=True,
    long={"max_tokens": 12_000, "logit_bias": {str(END_OF_TEXT): -100}},
    misses={
        "abort_of_a_whole_answer_frees_the_slot": (
            "llama_cpp.server generates to the end for a client that has gone, unless it streams, but then it tells no sums"
        ),
        "abort_of_a_whole_answer_beside_a_stream_frees_the_slot": "llama_cpp.server serves one request at a time",
        "context_too_long_is_refused_in_a_stream": "llama_cpp.server answers with a stream that is empty and has no end",
    },
)
