"""Keys, as the vendors' own clients send them to a running daemon."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anthropic
import ollama
import openai
import psutil
import pytest

from hostd.domain.budget import budget_of
from hostd.domain.client_key import ClientKey
from hostd.key_file import KeyFile, digest_of, new_key
from tests.journeys.host import Host, profile, serving, until

KEY, LIMITED = new_key(), new_key()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the daemon's files are, with one key."""
    folder = tmp_path_factory.mktemp("keys")
    limits = budget_of({"minute": "2 requests", "request": "0.01 USD"})
    KeyFile(folder / "keys.yaml").write(
        [ClientKey("agent", digest_of(KEY), 0.0), ClientKey("limited", digest_of(LIMITED), 0.0, budget=limits)]
    )
    return folder


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[Host]:
    """A daemon whose clients need keys."""
    dear = profile("dear", price={"input": 100.0, "output": 1000.0}, warm={"preload": False})
    with serving(folder, profile("chat"), dear, keys={"file": str(folder / "keys.yaml")}) as running:
        yield running


def _ask(host: Host, key: str) -> Iterator[str | None]:
    said = [{"role": "user", "content": "Hello"}]
    with openai.OpenAI(base_url=host.url + "/v1", api_key=key, max_retries=0) as first:
        yield first.chat.completions.create(model="chat", messages=said, max_tokens=4).model  # type: ignore[arg-type]
    with anthropic.Anthropic(base_url=host.url, api_key=key, max_retries=0) as second:
        yield second.messages.create(model="chat", messages=said, max_tokens=4).model  # type: ignore[arg-type]
    with ollama.Client(host.url, headers={"Authorization": f"Bearer {key}"}) as third:
        yield third.chat("chat", messages=said, options={"num_predict": 4}).model


def test_clients_send_their_key(host: Host) -> None:
    """R5: each in its own way."""
    assert ["chat"] * 3 == list(_ask(host, KEY))


def test_clients_read_why_they_are_refused(host: Host) -> None:
    """R5: as the error that each has for it."""
    why = "hostd keys create"
    with (
        openai.OpenAI(base_url=host.url + "/v1", api_key="wrong", max_retries=0) as first,
        pytest.raises(openai.AuthenticationError, match=why),
    ):
        first.models.list()
    with (
        anthropic.Anthropic(base_url=host.url, api_key="wrong", max_retries=0) as second,
        pytest.raises(anthropic.AuthenticationError, match=why),
    ):
        second.models.list()
    with (
        ollama.Client(host.url, headers={"Authorization": "Bearer wrong"}) as third,
        pytest.raises(ollama.ResponseError, match=why),
    ):
        third.list()


def test_clients_are_held_to_their_limits(host: Host) -> None:
    """A request that is too dear is not sent again by itself; of a limit of a minute, each client learns when it is over."""
    said = [{"role": "user", "content": "Hello"}]
    with openai.OpenAI(base_url=host.url + "/v1", api_key=LIMITED) as client:
        with pytest.raises(openai.RateLimitError, match="this request alone may use") as dear:
            client.chat.completions.create(model="dear", messages=said, max_tokens=100)  # type: ignore[arg-type]
        assert ("budget", "false") == (dear.value.code, dear.value.response.headers["x-should-retry"])
        for _ in range(2):
            assert client.chat.completions.create(model="chat", messages=said, max_tokens=4)  # type: ignore[arg-type]
        with pytest.raises(openai.RateLimitError, match="'limited' may use 2 requests a minute") as often:
            client.with_options(max_retries=0).chat.completions.create(model="chat", messages=said)  # type: ignore[arg-type]
        assert 1 <= int(often.value.response.headers["retry-after"]) <= 60
        assert "x-should-retry" not in often.value.response.headers
    with (
        anthropic.Anthropic(base_url=host.url, api_key=LIMITED, max_retries=0) as second,
        pytest.raises(anthropic.RateLimitError, match="2 requests a minute"),
    ):
        second.messages.create(model="chat", messages=said, max_tokens=4)  # type: ignore[arg-type]
    command = [sys.executable, "-m", "hostd", "keys", "list", "--url", host.url]
    listed = subprocess.run(command, env=host.environment, capture_output=True, check=True, text=True)
    assert "2 requests a minute: 2 requests used" in listed.stdout


def test_the_owners_verbs_need_none(host: Host) -> None:
    """R29: they find the one that the daemon has left; with a client's they are refused."""
    command = [sys.executable, "-m", "hostd", "ps", "--json", "--url", host.url]
    shown = subprocess.run(command, env=host.environment, capture_output=True, check=True)
    assert b'"chat"' in shown.stdout
    refused = subprocess.run(command, env=host.environment | {"HOSTD_API_KEY": KEY}, capture_output=True, check=False)
    assert (4, False) == (refused.returncode, KEY.encode() in refused.stderr)


def test_a_launched_program_has_the_owners_key(host: Host, tmp_path: Path) -> None:
    """R5, R33: in a variable, by which it is answered; not among its arguments, nor in what is printed."""
    program = tmp_path / "codex"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys, urllib.request as web\nkey = os.environ['HOSTD_API_KEY']\n"
        f"asked = web.Request('{host.url}/v1/models', headers={{'authorization': 'Bearer ' + key}})\n"
        "print(web.urlopen(asked, timeout=20).status, any(key in word for word in sys.argv))\n"
    )
    program.chmod(0o755)
    command = [sys.executable, "-m", "hostd", "launch", "codex", "--model", "chat", "--url", host.url]
    ran = subprocess.run(command, env=host.environment | {"PATH": str(tmp_path)}, capture_output=True, check=False)
    assert (0, b"200 False\n") == (ran.returncode, ran.stdout), ran.stderr
    given = host.environment | {"PATH": str(tmp_path), "HOSTD_API_KEY": KEY}
    ran = subprocess.run(command, env=given, capture_output=True, check=False)
    assert b"200 False\n" == ran.stdout, "one for inference, too: its owner's is for the look-up"
    shown = subprocess.run([*command, "--print"], env=host.environment, capture_output=True, check=True)
    assert b"export HOSTD_API_KEY='***'\n" in shown.stdout


def test_a_key_goes_nowhere(host: Host, folder: Path) -> None:
    """R31, R33: neither into a log, nor a file, nor to an engine."""
    list(_ask(host, KEY))
    for process in psutil.Process(host.process.pid).children(recursive=True):
        assert KEY not in repr((process.cmdline(), process.environ()))
    found = [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert [] == found
    assert host.output.stat().st_size


def test_a_revoked_key_is_refused(host: Host, folder: Path) -> None:
    """R5: while the daemon runs."""
    KeyFile(folder / "keys.yaml").write([])
    until(lambda: host.get("/healthz") and _status(host) == 401, 10.0)


def _status(host: Host) -> int:
    return host.post("/v1/chat/completions", {}, {"x-api-key": KEY}).status
