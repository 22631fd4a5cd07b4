"""Where keys come from, and which are refused."""

import os
from pathlib import Path

import pytest

from hostd.backends.cloud.catalogue import PROVIDERS, CloudProvider
from hostd.backends.cloud.credentials import key_of
from hostd.domain.errors import EngineError
from hostd.domain.profile import Variant

OPENAI = PROVIDERS["openai"]
KEY = "sk-0123456789"


def in_file(path: Path, content: str = KEY + "\n", mode: int = 0o600) -> Variant:
    """Return a variant whose key is in *path*."""
    path.write_text(content)
    path.chmod(mode)
    return Variant("cloud", provider="openai", model="m", key_file=str(path))


def test_the_profile_comes_first(tmp_path: Path) -> None:
    """Then its file, then what systemd hands over."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "openai_api_key").write_text("sk-systemd")
    environ = {"CREDENTIALS_DIRECTORY": str(folder)}
    assert KEY == key_of(Variant("cloud", provider="openai", api_key=KEY), OPENAI, environ)
    assert KEY == key_of(in_file(tmp_path / "key"), OPENAI, environ)
    assert "sk-systemd" == key_of(Variant("cloud", provider="openai"), OPENAI, environ)


def test_a_missing_key_is_explained() -> None:
    """With the three places that it may be in; the usual variable is not taken by itself. Another url may need none."""
    with pytest.raises(
        EngineError, match=r"api_key: \$\{env:OPENAI_API_KEY\}.*key_file.*LoadCredential=openai_api_key:"
    ):
        key_of(Variant("cloud", provider="openai"), OPENAI, {"OPENAI_API_KEY": KEY})
    assert key_of(Variant("cloud", provider="x"), CloudProvider("x", "https://x"), {}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Whatever they may do with it."""
    with pytest.raises(EngineError, match="chmod 600"):
        key_of(in_file(tmp_path / "key", mode=mode), OPENAI, {})


@pytest.mark.parametrize("content", ["", "\n", "two words", "sk-1\r\nX-Evil: 1", "x" * 5000, "sk-\0"])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path, content: str) -> None:
    """Nothing can be smuggled into a header."""
    with pytest.raises(EngineError) as refused:
        key_of(in_file(tmp_path / "key", content), OPENAI, {})
    assert "sk-" not in refused.value.message
    assert "Evil" not in refused.value.message


def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    """A pipe, a folder, nothing at all."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", ".", "gone"):
        with pytest.raises(EngineError):
            key_of(Variant("cloud", key_file=str(tmp_path / name)), OPENAI, {})
