"""kill -9: of an engine in the middle of ten answers, and of the daemon itself."""

import http.client
import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.journeys.host import DEADLINE, all_gone, profile, serving, until

CLIENTS = 10


def _ends_honestly(body: bytes) -> bool:
    """Return whether a stream ended with its proper end, or with an error event and without it."""
    events = [line.removeprefix("data: ") for line in body.decode().split("\n") if line.startswith("data: ")]
    complete = events[-1] == "[DONE]"
    failed = "error" in json.loads(events[-1]) if not complete else False
    return complete != failed


def test_engine_killed_while_it_streams(tmp_path: Path) -> None:
    """Ten streams end complete or with an error event, and the next request is served by a new engine."""
    limits = {"max_concurrent": CLIENTS}
    with serving(tmp_path, profile("chat", slots=CLIENTS, limits=limits)) as host:
        pid = host.row("chat")["pid"]
        begun = threading.Semaphore(0)

        def stream(_: int) -> bytes:
            said = {"model": "chat", "messages": [{"role": "user", "content": "Count from 1 to 100."}]}
            body = json.dumps(said | {"stream": True, "max_tokens": 1900, "ignore_eos": True})
            connection = http.client.HTTPConnection(host.url.removeprefix("http://"), timeout=DEADLINE)
            connection.request("POST", "/v1/chat/completions", body)
            with closing(connection), connection.getresponse() as answer:
                first = answer.read(1)
                begun.release()
                return first + answer.read()

        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = clients.map(stream, range(CLIENTS))
            for _ in range(CLIENTS // 2):
                assert begun.acquire(timeout=DEADLINE)
            host.engines()[0].send_signal(signal.SIGKILL)
            bodies = list(answers)

        assert [True] * CLIENTS == [_ends_honestly(body) for body in bodies]
        assert any(b'"error"' in body for body in bodies)
        after = host.chat("chat")
        assert 200 == after.status
        row = host.row("chat")
        assert pid != row["pid"]
        assert 1 == row["restarts"]


def test_daemon_killed(tmp_path: Path) -> None:
    """R34: engines that nobody watched any more held the memory for good. None outlives a daemon that was killed."""
    with serving(tmp_path, profile("one"), profile("two", "tiny-story.gguf")) as host:
        engines = host.engines()
        assert 2 == len(engines)
        killed = time.monotonic()
        host.process.kill()
        host.process.wait()
        until(lambda: all_gone(engines), seconds=5)
        assert time.monotonic() - killed < 5


def test_asked_to_stop(tmp_path: Path) -> None:
    """SIGTERM lets an answer finish, ends the engines and exits with 0."""
    with serving(tmp_path, profile("chat")) as host, ThreadPoolExecutor(1) as clients:
        engines = host.engines()
        more = {"stream": True, "max_tokens": 1900, "ignore_eos": True}
        answer = clients.submit(host.chat, "chat", "Count from 1 to 100.", **more)
        until(lambda: host.row("chat")["in_flight"] == 1)
        host.process.send_signal(signal.SIGTERM)
        assert answer.result().body.endswith(b"data: [DONE]\n\n")
        assert 0 == host.process.wait(30)
        assert all_gone(engines)
