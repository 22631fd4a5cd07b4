"""The file with the clients' keys."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hostd.domain.budget import budget_of
from hostd.domain.client_key import ClientKey
from hostd.domain.errors import ConfigError
from hostd.domain.principal import KeyScope, Privacy
from hostd.domain.ticket import Priority
from hostd.key_file import KeyFile, digest_of, new_key

DIGEST = "0" * 64


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """For this user alone, and without the key; a file that has not changed is not read again."""
    secret, file = new_key(), KeyFile(tmp_path / "new" / "keys.yaml")
    whole = ClientKey(
        "a", digest_of(secret), 1.0, 90.0, KeyScope.ADMIN, frozenset({"x", "y"}), Privacy.LOCAL, Priority.BATCH
    )
    limits = budget_of({"minute": ["60 requests", "100k tokens"], "day": ["2 USD", "9k tokens"], "at_limit": "queue"})
    keys = (whole, ClientKey("b", digest_of(new_key()), 2.0, budget=limits))
    assert ((), ()) == (file.read(), file.changed())
    file.write(keys)
    assert keys == file.read() == file.changed()
    assert file.changed() is None
    assert "requests_per_minute: 60\n    tokens_per_minute: 100000\n" in file.path.read_text()
    assert 0o600 == stat.S_IMODE(file.path.stat().st_mode)
    assert secret not in file.path.read_text()


def test_keys_cannot_be_guessed() -> None:
    """256 random bits, after a word by which they are found in files."""
    assert new_key().startswith("hostd_")
    assert len(new_key()) == 49
    assert new_key() != new_key()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keys: [", "no YAML"),
        ("- a", "'keys'"),
        ("keys: {a: }", "'a' has no values"),
        ("keys: {a: {sha256: 12}}", "SHA-256"),
        (f"keys: {{a: {{sha256: '{DIGEST}', model: [x]}}}}", "unknown key 'model'"),
        (f"keys: {{a: {{sha256: '{DIGEST}', models: x}}}}", "no list"),
        (f"keys: {{a: {{sha256: '{DIGEST}', scope: all}}}}", "all"),
        (f"keys: {{a: {{sha256: '{DIGEST}', expires: soon}}}}", "soon"),
        (f"keys: {{a: {{sha256: '{DIGEST}', requests_per_minute: 0}}}}", "lets nothing through"),
        (f"keys: {{a: {{sha256: '{DIGEST}', tokens_per_minute: -1}}}}", "no amount"),
        (f"keys: {{a: {{sha256: '{DIGEST}', budget: 2 USD}}}}", "no mapping"),
        (f"keys: {{a: {{sha256: '{DIGEST}', budget: {{daily: 2 USD}}}}}}", "no 'daily'"),
    ],
)
def test_a_slip_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    """R5: a limit that is misspelt must not be passed over."""
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        KeyFile(path).read()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("keys:\n  a: [\n", ":3:1: "),
        (f"keys:\n  a: {{sha256: '{DIGEST}'}}\n  b: {{sha256: '{DIGEST}', budget: {{day: 0 USD}}}}\n", ":3:3: "),
        ("- a\n", ":1:1: "),
    ],
    ids=["syntax", "an entry", "the whole"],
)
def test_a_slip_has_a_place(tmp_path: Path, text: str, place: str) -> None:
    """Line and column, from 1: of the syntax, or of the entry."""
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        KeyFile(path).read()
    assert str(raised.value).startswith(f"{path}{place}")


def test_two_that_change_the_keys_wait_for_each_other(tmp_path: Path) -> None:
    """So that neither takes away the key that the other has just made; nobody else can use the file that they lock."""
    file = KeyFile(tmp_path / "keys.yaml")
    make = (
        "import sys\nfrom hostd.domain.client_key import ClientKey\nfrom hostd.key_file import KeyFile\n"
        "file = KeyFile(sys.argv[1])\nfor number in range(5):\n  with file.locked():\n    keys = file.read()\n"
        "    file.write((*keys, ClientKey(f'{sys.argv[2]}-{number}', bytes(32), 0.0)))\n"
    )
    makers = [subprocess.Popen([sys.executable, "-c", make, str(file.path), name]) for name in ("a", "b")]
    assert [0, 0] == [maker.wait(60) for maker in makers]
    assert {f"{name}-{number}" for name in "ab" for number in range(5)} == {key.name for key in file.read()}
    assert 0o600 == stat.S_IMODE((tmp_path / ".keys.yaml.lock").stat().st_mode)
