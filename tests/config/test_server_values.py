"""Values under `server:` are refused with a sentence that says what to write."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.config import server_values
from hostd.config.show import show
from hostd.config.validators import InvalidValue
from hostd.domain.errors import ConfigError
from hostd.domain.profile import Settings
from hostd.domain.server_settings import KeepAliveForm, ServerSettings

Load = Callable[..., Settings]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:11435",
        "127.0.0.2:0",
        "[::1]:80",
        "localhost:11435",
        "hostd.localhost:1",
        "unix:/run/hostd/hostd.sock",
    ],
)
def test_listens_on_this_machine(address: str) -> None:
    """Loopback and unix sockets."""
    assert server_values.why_open(address) is None


@pytest.mark.parametrize("address", ["0.0.0.0:11435", "[::]:80", "192.168.1.2:80", "box.lan:80", "mybox:80"])
def test_listens_on_the_network_with_keys_only(load_files: Load, address: str) -> None:
    """R5: bound to all addresses without a key, servers of models were used by strangers in their hundred thousands."""
    with pytest.raises(ConfigError) as caught:
        load_files(f"server:\n  listen: '{address}'")
    (problem,) = caught.value.problems
    assert 2 == problem.line
    assert all(word in problem.message for word in ("hostd keys create", "ssh -L", "tailscale serve", "server.hosts"))
    assert (address,) == load_files(f"server: {{listen: '{address}'}}\nkeys: {{file: k.yaml}}").listen


@pytest.mark.parametrize(
    ("check", "value", "said"),
    [
        (server_values.host, "*", "write the names"),
        (server_values.host, "http://a", "its name alone"),
        (server_values.origin, "*", "write the pages' origins"),
        (server_values.origin, "https://*", "every web page"),
        (server_values.prefix, "llm", "write such as /llm"),
        (server_values.prefix, "/a/../b", "write such as /llm"),
        (server_values.prefix, "/a b", "write such as /llm"),
        (server_values.body_size, "1KiB", "at least 64KiB"),
        (server_values.body_size, "2GiB", "beyond reason"),
        (server_values.period, "10ms", "at least 1s"),
        (server_values.period, "1h", "beyond reason"),
    ],
)
def test_refuses(check: Callable[[object], object], value: str, said: str) -> None:
    """Each with what to write."""
    with pytest.raises(InvalidValue, match=said):
        check(value)


@pytest.mark.parametrize(("given", "kept"), [("/llm", "/llm"), ("/llm/", "/llm"), ("/", ""), ("/a/b", "/a/b")])
def test_a_prefix_has_no_slash_at_its_end(given: str, kept: str) -> None:
    """Owners write it either way."""
    assert kept == server_values.prefix(given)


def test_all_of_it_reaches_the_settings(load_files: Load) -> None:
    """And is shown as it was written."""
    settings = load_files(
        "server: {hosts: [box.example, '*.ts.net'], origins: ['app://obsidian.md'], prefix: /llm, max_body: 64MiB, "
        "remote_media: true, keep_alive: event, keep_alive_every: 5s, commit_after: 20s, watch: true}"
    )
    expected = ServerSettings(
        hosts=("box.example", "*.ts.net"),
        origins=("app://obsidian.md",),
        prefix="/llm",
        max_body=64 * 1024 * 1024,
        remote_media=True,
        keep_alive=KeepAliveForm.EVENT,
        commit_after=20.0,
        keep_alive_every=5.0,
        watch=True,
    )
    assert expected == settings.server
    assert {
        "listen": ["127.0.0.1:11435", "[::1]:11435"],
        "hosts": ["box.example", "*.ts.net"],
        "origins": ["app://obsidian.md"],
        "prefix": "/llm",
        "max_body": "64MiB",
        "remote_media": True,
        "keep_alive": "event",
        "commit_after": "20s",
        "keep_alive_every": "5s",
        "watch": True,
    } == show(settings)["server"]


def test_off_is_a_word(load_files: Load) -> None:
    """YAML's older readers took it for a switch."""
    assert KeepAliveForm.OFF is load_files("server: {keep_alive: off}").server.keep_alive


def test_a_bad_value_has_its_place(load_files: Load, tmp_path: Path) -> None:
    """Line and column of the item."""
    with pytest.raises(ConfigError) as caught:
        load_files("server:\n  listen: nowhere\n  origins: [app://a, '*']\n")
    assert [(2, 11), (3, 22)] == [(problem.line, problem.column) for problem in caught.value.problems]
    assert f"{tmp_path}/hostd.yaml:2:11: server.listen: " in caught.value.message


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://box", "no address of a Redis server"),
        ("redis://", "no address of a Redis server"),
        ("redis://box:99999", "no address of a Redis server"),
        ("redis://me:secret@box", "${env:NAME}"),
    ],
)
def test_addresses_of_shared_state(load_files: Load, url: str, said: str) -> None:
    """Refused where it is written, and no password is shown; alone or as `shared`, and then it is not shown in full."""
    for written in (f"state: '{url}'", f"state: {{shared: '{url}'}}"):
        with pytest.raises(ConfigError) as caught:
            load_files(written)
        (problem,) = caught.value.problems
        assert said in problem.message
        assert "secret" not in problem.message
        assert 1 == problem.line


def test_shared_state(load_files: Load) -> None:
    """An address alone stands for `shared`; a password comes from the environment, and stays there."""
    assert "redis://box:6379/0" == load_files("state: redis://box:6379/0").state.shared
    settings = load_files("state: '${env:REDIS}'", {"REDIS": "rediss://:secret@box"})
    assert "rediss://:secret@box" == settings.state.shared
    assert "${env:REDIS}" == show(settings)["state"]["shared"]


def test_shared_state_without_its_library(load_files: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'hostd\[redis\]'"):
        load_files("state: redis://box")
