"""The file with the clients' keys."""

import stat
from pathlib import Path

import pytest

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
    keys = (whole, ClientKey("b", digest_of(new_key()), 2.0))
    assert ((), ()) == (file.read(), file.changed())
    file.write(keys)
    assert keys == file.read() == file.changed()
    assert file.changed() is None
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
    ],
)
def test_a_slip_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    """R5: a limit that is misspelt must not be passed over."""
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        KeyFile(path).read()
