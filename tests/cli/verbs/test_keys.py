"""``hostd keys``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.recorded import Ran


@pytest.fixture
def folder(bare_home: Path) -> Path:
    """The folder of a configuration that names a file for keys."""
    folder = bare_home / "config" / "hostd"
    folder.mkdir(parents=True)
    (folder / "hostd.yaml").write_text("keys: {file: keys.yaml}\n")
    return folder


def test_a_key_is_made_listed_and_revoked(folder: Path, hostd: Callable[..., Ran]) -> None:
    """It stands on stdout once, and in no file."""
    made = hostd("keys", "create", "laptop", "--privacy", "local", "--priority", "batch", "--expires", "30d")
    key = made.out.strip()
    assert (0, 49) == (made.code, len(key))
    assert key not in made.err + (folder / "keys.yaml").read_text() + hostd("keys", "list").out
    (row,) = json.loads(hostd("keys", "list", "--json").out)["keys"]
    assert ("laptop", "inference", "local", "batch") == tuple(
        row[each] for each in ("name", "scope", "privacy", "priority")
    )
    assert 1 == hostd("keys", "create", "laptop").code
    assert 0 == hostd("keys", "revoke", "laptop").code
    assert 2 == hostd("keys", "revoke", "laptop").code
    assert [] == json.loads(hostd("keys", "list", "--json").out)["keys"]


def test_a_key_has_limits(folder: Path, hostd: Callable[..., Ran]) -> None:
    """They are listed, also while no daemon tells what is used, and can be set anew without making another key."""
    assert 0 == hostd("keys", "create", "laptop", "--rpm", "60", "--budget-day", "2", "--at-limit", "refuse").code
    assert 0 == hostd("keys", "create", "desk").code
    listed = hostd("keys", "list")
    assert [
        "laptop  inference",
        "  60 requests a minute",
        "  2 USD a day",
        "  at a limit: refuse",
        "desk  inference",
    ] == (listed.out.splitlines())
    assert "not known now" in listed.err
    digest = "sha256: " + (folder / "keys.yaml").read_text().partition("sha256: ")[2].partition("\n")[0]
    assert 0 == hostd("keys", "limit", "laptop", "--tpm", "100k").code
    (row, _) = json.loads(hostd("keys", "list", "--json").out)["keys"]
    assert (100_000, None) == (row["tokens_per_minute"], row.get("requests_per_minute"))
    assert digest in (folder / "keys.yaml").read_text()
    assert 0 == hostd("keys", "limit", "laptop").code
    assert "minute" not in (folder / "keys.yaml").read_text()
    assert 2 == hostd("keys", "limit", "absent", "--rpm", "1").code


@pytest.mark.parametrize(
    "wrong",
    [
        ("a b",),
        ("a", "--models", "absent"),
        ("a", "--models", ","),
        ("a", "--expires", "soon"),
        ("a", "--budget-day", "0"),
        ("a", "--rpm", "0"),
    ],
)
def test_what_makes_no_sense_makes_no_key(folder: Path, hostd: Callable[..., Ran], wrong: tuple[str, ...]) -> None:
    """A name, models that no profile has, a time that is none."""
    assert (2, "") == ((ran := hostd("keys", "create", *wrong)).code, ran.out)
    assert not (folder / "keys.yaml").exists()


def test_the_file_has_to_be_named(bare_home: Path, hostd: Callable[..., Ran]) -> None:
    """Without it no client needs a key, and the answer says what to write."""
    ran = hostd("keys", "create", "a")
    assert (78, True) == (ran.code, "keys: {file: keys.yaml}" in ran.err)
