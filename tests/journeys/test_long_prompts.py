"""A real llama-server that reads a long prompt slowly is waited for, and one that has stopped to read is found."""

import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.host import MODELS, Host, Reply, profile, serving, until

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="needs xllamacpp: run scripts/setup test"
)

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
inflate = pytest.importorskip("demo_models.inflate")

LIMIT = 2.0
"""The first-token timeout of these tests: a fraction of the time that their prompts take."""
LIMITS = {"first_token_timeout": "2s", "stall_timeout": "4s", "queue_timeout": "60s"}
WORDS = "The quick brown fox jumps over the lazy dog and counts one two three four five. "


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says what the small one says, with real computing time."""
    path: Path = tmp_path_factory.mktemp("models") / "slow.gguf"
    inflate.inflate(MODELS / "tiny-chat.gguf", path, inflate.Growth(times=6, layers=12, context=4096))
    return path


@pytest.fixture(scope="module")
def host(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon whose only model reads a few dozen tokens a second at best."""
    variants = [{"backend": "llamacpp", "path": str(weights)}]
    args = {"threads": 1, "batch-size": 64}
    slow = profile("slow", variants=variants, context=4096, slots=1, args=args, limits=LIMITS)
    with serving(tmp_path_factory.mktemp("host"), slow) as host:
        until(lambda: host.row("slow")["state"] == "ready")
        yield host


def _ask(host: Host, text: str, asked: dict[str, bool], replies: list[Reply]) -> None:
    replies.append(host.chat("slow", text, max_tokens=3, **asked))


@pytest.mark.parametrize("asked", [{}, {"stream": True}, {"logprobs": True}], ids=str)
def test_a_prompt_that_takes_many_times_the_limit_is_read_to_its_end(host: Host, asked: dict[str, bool]) -> None:
    """In a stream as in one piece; how far it is can be seen, and the engine is the same afterwards."""
    pid, took = host.row("slow")["pid"], 0.0
    # As long as this machine needs to take its time over.
    for times in (30, 60, 120, 200):
        replies, seen = list[Reply](), list[int]()
        text = f"{times} {sorted(asked)} " + WORDS * times
        began = time.monotonic()
        asking = threading.Thread(target=_ask, args=(host, text, asked, replies))
        asking.start()
        while asking.is_alive():
            seen += [prompt["read_tokens"] for prompt in host.row("slow")["prompts"]]
            asking.join(0.2)
        if (took := time.monotonic() - began) > 2 * LIMIT:
            break
    assert took > 2 * LIMIT
    assert (200, "primary") == (replies[0].status, replies[0].headers["x-hostd-route"])
    assert (pid, 0) == (host.row("slow")["pid"], host.row("slow")["restarts"])
    if "logprobs" not in asked:
        assert sorted(seen) == seen
        assert len(set(seen)) > 3
    if "stream" in asked:
        assert replies[0].body.rstrip().endswith(b"[DONE]")


def test_a_client_is_told_of_its_prompt_as_it_asked(host: Host) -> None:
    """The engine's own events, one for each batch."""
    reply = host.chat("slow", "progress " + WORDS * 8, max_tokens=3, stream=True, return_progress=True)
    events = [json.loads(line[6:]) for line in reply.body.decode().splitlines() if line.startswith("data: {")]
    read = [event["prompt_progress"]["processed"] for event in events if "prompt_progress" in event]
    assert sorted(set(read)) == read
    assert len(read) > 2


def test_an_engine_that_was_stopped_is_found(host: Host) -> None:
    """Whatever it was about: nothing runs, so the request fails after one limit, and a new engine takes its place."""
    pid, replies = host.row("slow")["pid"], list[Reply]()
    asking = threading.Thread(target=lambda: replies.append(host.chat("slow", "stopped " + WORDS * 40, max_tokens=3)))
    asking.start()
    until(lambda: host.row("slow")["prompts"])
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    asking.join(60)
    assert time.monotonic() - began < 20
    assert 503 == replies[0].status
    until(lambda: host.row("slow")["pid"] not in (pid, None) and host.row("slow")["state"] == "ready", 90)
    assert 200 == host.chat("slow", "again", max_tokens=3).status
