"""Where the command line looks for the daemon."""

from pathlib import Path

import pytest

from hostd.cli.address import find_address, find_port, parse_address
from hostd.cli.exits import Code, VerbError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost:11435"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("https://models.example", "https://models.example:443"),
        ("http://box:1/hostd/v1/", "http://box:1/hostd"),
        ("unix:/run/hostd.sock", "unix:/run/hostd.sock"),
        ("unix:///run/hostd.sock", "unix:/run/hostd.sock"),
    ],
)
def test_every_form_of_address_is_understood(text: str, shown: str) -> None:
    """URLs, listen addresses and unix sockets all lead to a place that one can connect to."""
    assert shown == str(parse_address(text))


@pytest.mark.parametrize("text", ["ftp://box", "http://", "box:many"])
def test_nonsense_is_a_usage_error(text: str) -> None:
    """An address that cannot be one is refused with an example of one that can."""
    with pytest.raises(VerbError, match=r"127\.0\.0\.1:11435") as caught:
        parse_address(text)
    assert Code.USAGE == caught.value.code


def test_without_files_the_usual_address_is_used() -> None:
    """A machine without configuration has its daemon on the usual port."""
    assert "http://127.0.0.1:11435" == str(find_address(None))


def test_the_owners_files_name_the_address(bare_home: Path) -> None:
    """The first address that the configured server listens on is where the daemon is looked for."""
    _configure(bare_home, 'server: {listen: ["unix:/run/hostd.sock", "127.0.0.1:2"]}\n')
    assert "unix:/run/hostd.sock" == str(find_address(None))


def test_clients_get_the_first_address_with_a_port(bare_home: Path) -> None:
    """Other programs' clients know no unix sockets."""
    _configure(bare_home, 'server: {listen: ["unix:/run/hostd.sock", "127.0.0.1:2"]}\n')
    assert "http://127.0.0.1:2" == str(find_port(None))
    assert "http://127.0.0.1:3" == str(find_port("127.0.0.1:3"))


def test_clients_are_not_given_a_socket(bare_home: Path) -> None:
    """A daemon that has nothing else is said to need a port."""
    _configure(bare_home, "server: {listen: unix:/run/hostd.sock}\n")
    for given in (None, "unix:/run/other.sock"):
        with pytest.raises(VerbError, match=r"server\.listen") as raised:
            find_port(given)
        assert Code.USAGE == raised.value.code


def test_a_given_address_beats_the_files(bare_home: Path) -> None:
    """An address given by hand is taken, whatever the files say."""
    _configure(bare_home, 'server: {listen: "127.0.0.1:2"}\n')
    assert "http://127.0.0.1:3" == str(find_address("127.0.0.1:3"))


def test_broken_files_do_not_hide_the_daemon(bare_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake in the files is mentioned, and the usual address is tried."""
    _configure(bare_home, "server: {lissten: 1}\n")
    assert "http://127.0.0.1:11435" == str(find_address(None))
    assert "hostd config check" in capsys.readouterr().err


def _configure(home: Path, text: str) -> None:
    (home / "config" / "hostd").mkdir(parents=True)
    (home / "config" / "hostd" / "hostd.yaml").write_text(text)
