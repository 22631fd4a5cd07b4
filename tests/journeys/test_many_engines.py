"""Three engines of three makes behind one address: under load each answers for the others, and nothing is lost or left."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.backends.running import installed, needs
from tests.counting_model import counted, write_counting_model
from tests.journeys.attached_server import Neighbour, llama_server
from tests.journeys.host import MODELS, Host, Reply, all_gone, profile, serving, until

MLX = installed("mlx", "HOSTD_TEST_MLX")
THEIR_SUFFIX = "-7b"
CLIENTS = 6
TURNS = ("planner", "theirs", "planner", "counter")
TOKENS = {"planner": 1000, "counter": 20, "theirs": 60}
HASTY = {"max_concurrent": 2, "queue_timeout": "50ms"}
PATIENT = {"max_concurrent": 2, "queue_timeout": "25s"}


@dataclass
class Answer:
    """What came of one request for *asked*."""

    asked: str
    stream: bool
    reply: Reply

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The answer, or the chunks of its stream."""
        if not self.stream:
            return [self.reply.json]
        return [json.loads(event) for event in self.events if event != "[DONE]"]

    @property
    def events(self) -> list[str]:
        """The data of a stream."""
        lines = self.reply.body.decode().split("\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    @property
    def choices(self) -> list[dict[str, Any]]:
        """What was said, piece by piece."""
        return [option for document in self.documents for option in document.get("choices", [])]

    @property
    def text(self) -> str:
        """What was said."""
        said = (option.get("delta") or option.get("message") or {} for option in self.choices)
        return "".join(piece.get("content") or "" for piece in said)

    @property
    def by(self) -> set[str]:
        """The models that the answer says it is from; the headers of a stream may have gone before one was found."""
        told = {document["model"] for document in self.documents if "model" in document}
        return told | ({self.reply.headers["x-hostd-model"]} - {"none"})

    @property
    def whole(self) -> bool:
        """Whether the answer is complete."""
        reasons = [option["finish_reason"] for option in self.choices if option.get("finish_reason")]
        return bool(reasons) and (not self.stream or self.events[-1] == "[DONE]")

    @property
    def broken(self) -> str | None:
        """The error that a stream ends with, if it is one that had begun, and says that it is not complete."""
        if not self.stream or self.events[-1] == "[DONE]":
            return None
        return str(self.documents[-1].get("error", {}).get("code"))


@dataclass
class Crowd:
    """Clients that ask for one model after the other, every third time for a stream, until they are told to go."""

    host: Host
    answers: list[Answer] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)

    def saw(self, route: str, asked: str | None = None) -> bool:
        """Return whether a request for *asked* was answered by *route*."""
        return any(
            each.reply.headers["x-hostd-route"] == route and asked in (None, each.asked) for each in list(self.answers)
        )

    def client(self, turn: int) -> None:
        """Ask until it is enough."""
        while not self.enough.is_set():
            turn += 1
            asked, stream = TURNS[turn % len(TURNS)], turn % 3 == 0
            more = {"max_tokens": TOKENS[asked], "ignore_eos": True, "stream": stream}
            self.answers.append(Answer(asked, stream, self.host.chat(asked, "Count from 1 to 100.", **more)))


@contextmanager
def crowd(host: Host) -> Iterator[Crowd]:
    """Have `CLIENTS` clients ask while the block lasts."""
    asking = Crowd(host)
    clients = [threading.Thread(target=asking.client, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield asking
    finally:
        asking.enough.set()
        for client in clients:
            client.join()


def profiles(theirs: Neighbour, numbers: Path) -> list[dict[str, Any]]:
    """Return three models: the last may answer for both others, and the second for the first."""
    attached = {"backend": "openai", "url": f"{theirs.url}/v1", "model": f"theirs{THEIR_SUFFIX}"}
    mlx = {"backend": "mlx", "path": str(numbers)}
    return [
        profile("planner", fallback=["counter", "theirs"], limits=HASTY),
        profile("counter", variants=[mlx], args={}, limits=PATIENT),
        profile("theirs", variants=[attached], args={}, fallback=["counter"], limits=PATIENT),
    ]


def kill_until_seen(host: Host, asking: Crowd) -> None:
    """Kill the planner's engine in the midst of answers until one that had not begun was given by another model."""
    killed: set[int] = set()
    while not asking.saw("fallback:crashed"):
        until(lambda: host.row("planner")["in_flight"] == 2 and host.row("planner")["pid"] not in killed)
        pid = host.row("planner")["pid"]
        killed.add(pid)
        later = len(asking.answers) + CLIENTS
        psutil.Process(pid).kill()
        while len(asking.answers) <= later and not asking.saw("fallback:crashed"):
            time.sleep(0.02)
    until(lambda: host.row("planner")["state"] == "ready" and host.row("planner")["pid"] not in killed)


@needs(MLX, "mlx-lm")
def test_three_engines_answer_for_one_another_under_load(tmp_path: Path) -> None:
    """llama.cpp, MLX and an attached server: full, killed and stopped in turn, and no answer is half, or another's."""
    numbers = write_counting_model(tmp_path / "counting", 4096)
    with llama_server(tmp_path, f"theirs{THEIR_SUFFIX}", tokens=1500, token_delay=0.005) as theirs:
        with serving(tmp_path, *profiles(theirs, numbers), backends={"mlx": {"command": [MLX]}}) as host:
            rows = [host.row(name) for name in ("planner", "counter", "theirs")]
            expected = [("llamacpp", "ready"), ("mlx", "ready"), ("openai", "ready")]
            assert expected == [(row["backend"], row["state"]) for row in rows]
            with crowd(host) as asking:
                until(lambda: asking.saw("fallback:queue_timeout"))
                theirs.script(status=429)
                until(lambda: asking.saw("fallback:status_429", "theirs"))
                theirs.script(status=None)
                kill_until_seen(host, asking)
                theirs.stop()
                until(lambda: asking.saw("fallback:connect", "theirs"))
                theirs_pid = theirs.start()
                served = len(asking.answers)
                until(lambda: any(each.by == {"theirs"} for each in asking.answers[served:]))
            until(lambda: host.row("theirs")["pid"] == theirs_pid)
            rest = [each for each in host.engines() if each.pid != theirs_pid]
        assert 2 == len(rest)
        assert all_gone(rest)
        assert theirs.runs(theirs_pid)

    check(asking.answers)


def check(answers: list[Answer]) -> None:
    """See that each answer is whole, or a stream that says that it is not, and by the model that it names."""
    assert {200} == {each.reply.status for each in answers}
    assert {"engine_failed"} >= {each.broken for each in answers if not each.whole}
    whole = [each for each in answers if each.whole]
    assert [1] * len(whole) == [len(each.by) for each in whole]
    assert {"planner", "counter", "theirs"} == {model for each in whole for model in each.by}
    for each in whole:
        tokens = TOKENS[each.asked]
        (model,) = each.by
        texts = {"counter": counted(tokens), "theirs": "".join(f"w{number} " for number in range(tokens))}
        # Of a chat, mlx-lm leaves out the space before the first word.
        assert texts.get(model, each.text).strip() == each.text.strip()


def test_a_server_that_does_not_run(tmp_path: Path) -> None:
    """Its model's next variant is served, one without is told why; once it runs, it is found, and seen as it is."""
    with llama_server(tmp_path, "theirs", up=False, tokens=20) as theirs:
        attached = {"backend": "openai", "url": f"{theirs.url}/v1"}
        here = {"backend": "llamacpp", "path": str(MODELS / "tiny-chat.gguf")}
        profiles = [profile("both", variants=[attached, here]), profile("only", variants=[attached], args={})]
        with serving(tmp_path, *profiles) as host:
            assert ("ready", "llamacpp") == (host.row("both")["state"], host.row("both")["backend"])
            assert 200 == host.chat("both").status
            reply = host.chat("only")
            assert (503, "load_failed") == (reply.status, reply.json["error"]["code"])
            assert f"no server answers at {theirs.url}/v1" in reply.json["error"]["message"]
            pid = theirs.start()
            loaded = host.cli("load", "only")
            assert 0 == loaded.returncode, loaded.stderr
            assert 200 == host.chat("only").status
            assert pid == host.row("only")["pid"]
            assert f"{theirs.url}, which hostd asks but does not run" in host.cli("show", "only").stdout
        assert theirs.runs(pid)
