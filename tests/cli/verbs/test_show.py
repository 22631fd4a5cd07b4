"""``hostd show``."""

import json
from collections.abc import Callable

import pytest

from hostd.cli.snippets.registry import SNIPPETS
from tests.cli.recorded import CHATTY, FAILED, READY, SHOWN, Daemon, Ran


@pytest.fixture(autouse=True)
def address(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line finds the daemon by its environment."""
    monkeypatch.setenv("HOSTD_URL", daemon.url)


def test_what_runs_is_shown(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """The process, the exact command, each variant with why it is unusable, and the log's end are all there."""
    daemon.on("GET /hostd/v1/models/qwen3.5-9b", SHOWN)
    ran = hostd("show", "qwen3.5-9b")
    shown = {name: value.strip() for name, _, value in (line.partition("  ") for line in ran.out.splitlines())}
    assert (0, "") == (ran.code, ran.err)
    assert "pid 4711, port 40001" == shown["process"]
    assert ("llamacpp b11434", "llama-server --alias 'a name'") == (shown["engine"], shown["command"])
    assert "vllm:Qwen3.5-9B-AWQ (not here: vllm is not implemented yet)" in ran.out
    assert ("max_concurrent 2, queue_timeout 30s", "preload yes, keep_alive 30m") == (shown["limits"], shown["warm"])
    assert ["listening", "slot 0 is idle"] == [shown["log"], ran.out.splitlines()[-1].strip()]


def test_how_fast_it_is_lately_is_shown(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """As far as it is known."""
    speed = {"prefill_tokens_per_s": 512.34, "decode_tokens_per_s": 40.25, "cached_share": 0.934, "ttft_ms": None}
    daemon.on("GET /hostd/v1/models/qwen3.5-9b", {**SHOWN, "instance": {**SHOWN["instance"], "speed": speed}})
    said = "reads 512 tokens/s, writes 40.2 tokens/s, had read 93% of prompts before"
    assert said in hostd("show", "qwen3.5-9b").out
    daemon.on("GET /hostd/v1/models/qwen3.5-9b", SHOWN)
    assert "lately" not in hostd("show", "qwen3.5-9b").out


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"files": 3, "size": 3 << 20, "why_not": None, "note": None}, "kept: 3 in files, 3.0 MiB"),
        ({"files": 1, "size": 512, "why_not": None, "note": "exactly"}, "kept: 1 in files, 512 B; exactly"),
        ({"files": 0, "size": 0, "why_not": None, "note": "in 4 GiB of main memory"}, "kept: in 4 GiB of main memory"),
        ({"files": 0, "size": 0, "why_not": None, "note": None}, "kept: none yet"),
        ({"files": 2, "size": 9, "why_not": "it lied", "note": None}, "not kept: it lied"),
    ],
)
def test_what_is_kept_of_conversations_is_shown(
    daemon: Daemon, hostd: Callable[..., Ran], kept: dict[str, object], said: str
) -> None:
    """Or why nothing is; nothing where nobody wants it kept."""
    daemon.on("GET /hostd/v1/models/x", SHOWN | {"conversations": kept})
    assert f"conversations  {said}" in hostd("show", "x").out
    daemon.on("GET /hostd/v1/models/x", SHOWN | {"conversations": None})
    assert "conversations" not in hostd("show", "x").out


def test_windows_are_shown_as_they_are_written(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Days in a row are a span, as in a profile."""
    weekdays = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:30", "to": "18:00"}
    windows = [weekdays, {"days": ["sat", "sun"], "from": "10:00", "to": "12:00"}]
    daemon.on("GET /hostd/v1/models/x", SHOWN | {"warm": {"preload": False, "windows": windows}})
    assert "preload no, windows mon-fri 08:30-18:00 and sat,sun 10:00-12:00\n" in hostd("show", "x").out


def test_what_a_probe_found_is_shown(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Each verdict with its reason, in a line."""
    found = {name: {"verdict": "no", "why": f"why {name}"} for name in ("tools", "thinking")}
    daemon.on("GET /hostd/v1/models/x", SHOWN | {"probed": found})
    lines = [line.strip() for line in hostd("show", "x").out.splitlines()]
    at = next(number for number, line in enumerate(lines) if line.startswith("probed"))
    assert ["probed", "tools: no (why tools)"] == lines[at].split(maxsplit=1)
    assert "thinking: no (why thinking)" == lines[at + 1]


def test_what_the_server_says_is_shown(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """What the running server says of itself, as far as it says anything."""
    server = {"version": "1.2", "context": 2048, "slots": 1, "tools": True, "vision": False, "embeddings": None}
    daemon.on("GET /hostd/v1/models/x", SHOWN | {"server": server})
    assert "2048 tokens a request, 1 slot, tools, no vision\n" in hostd("show", "x").out


def test_a_server_that_another_program_runs_is_shown(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """One that hostd does not run has an address, and on another machine no process."""
    away = READY | {"pid": None, "port": 1234, "backend": "openai"}
    daemon.on("GET /hostd/v1/models/x", SHOWN | {"instance": away, "argv": [], "attached": "http://mac:1234"})
    shown = hostd("show", "x").out
    assert "http://mac:1234, which hostd asks but does not run\n" in shown
    assert "openai b11434\n" in shown
    assert "process" not in shown


def test_what_failed_is_shown(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """A model without a process shows its last error whole, and how often it was restarted."""
    answer = SHOWN | {"instance": FAILED, "argv": None, "log_tail": [], "state": "failed"}
    daemon.on("GET /hostd/v1/models/org%2Ftiny%3Alatest", answer)
    ran = hostd("show", "org/tiny:latest")
    assert "for quite a while" in ran.out
    assert "process" not in ran.out


def test_a_load_in_progress_is_shown(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """While a model loads, its share in memory is a percentage."""
    daemon.on("GET /hostd/v1/models/x", SHOWN | {"progress": 0.62})
    assert "62%" in hostd("show", "x").out


def test_json_prints_the_model_untouched(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Programs get the daemon's object."""
    daemon.on("GET /hostd/v1/models/x", SHOWN)
    assert SHOWN == json.loads(hostd("show", "x", "--json").out)


def test_an_unknown_model_has_its_own_exit_code(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """The daemon's nearest names reach the owner, with exit code 5."""
    daemon.refuse("GET /hostd/v1/models/x", 404, "unknown model 'x'; did you mean 'y'?", "model_not_found")
    ran = hostd("show", "x")
    assert (5, "") == (ran.code, ran.out)
    assert "hostd: unknown model 'x'; did you mean 'y'? See: hostd ls\n" == ran.err


@pytest.mark.parametrize("name", SNIPPETS)
def test_what_to_paste_is_printed(daemon: Daemon, hostd: Callable[..., Ran], name: str) -> None:
    """On stdout nothing but the text; where it goes is said on stderr."""
    daemon.on("GET /hostd/v1/models/planner", SHOWN)
    ran = hostd("show", "planner", "--snippet", name)
    assert 0 == ran.code
    assert daemon.url in ran.out
    assert f"hostd: for {SNIPPETS[name].title} with planner, into " in ran.err
    printed = json.loads(hostd("show", "planner", "--snippet", name, "--json").out)
    assert (ran.out, "planner", name) == (printed["text"], printed["model"], printed["snippet"])


@pytest.mark.parametrize(
    ("name", "said"), [("langchain", "HOSTD_API_KEY"), ("continue", "YOUR_HOSTD_KEY"), ("zed", "")]
)
def test_where_a_key_belongs_is_said(
    daemon: Daemon, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    """With the command that makes one; the key of this run is not printed."""
    monkeypatch.setenv("HOSTD_API_KEY", "secret")
    daemon.on("GET /hostd/v1/models/planner", SHOWN)
    ran = hostd("show", "planner", "--snippet", name)
    assert (0, False, bool(said)) == (ran.code, "secret" in ran.out + ran.err, "hostd keys create NAME" in ran.err)
    assert said in ran.err


def test_a_snippet_without_a_model_is_for_the_best_for_tools(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """As `hostd launch` chooses it, and it is said why."""
    daemon.on("GET /hostd/v1/models", {"models": [CHATTY], "roles": []})
    daemon.on("GET /hostd/v1/models/qwen3.5-9b", SHOWN)
    ran = hostd("show", "--snippet", "zed")
    assert "qwen3.5-9b" == json.loads(ran.out)["agent"]["default_model"]["model"]
    assert "it calls tools" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "MODEL"), (("--snippet", "langhcain"), "did you mean 'langchain'?")],
    ids=["no model", "typo"],
)
def test_what_cannot_be_shown_is_a_usage_error(hostd: Callable[..., Ran], words: tuple[str, ...], said: str) -> None:
    """It names what can be."""
    ran = hostd("show", *words)
    assert (2, "") == (ran.code, ran.out)
    assert said in ran.err
