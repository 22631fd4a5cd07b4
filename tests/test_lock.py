"""The lock answers for everything that `scripts/setup` installs, with hashes, and names PyPI alone."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def packages() -> list[dict[str, Any]]:
    """The packages of the lock."""
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "pylock.toml").read_text("utf-8"))["packages"]
    return found


def printed(*words: str) -> list[Requirement]:
    """Return what `scripts/requirements` prints for *words*."""
    lines = subprocess.check_output([sys.executable, ROOT / "scripts" / "requirements", *words], text=True).splitlines()
    return [Requirement(line.partition(" --hash=")[0]) for line in lines]


def test_holds_what_is_asked_for(packages: list[dict[str, Any]]) -> None:
    """A range that the lock does not meet is mended by `scripts/lock NAME`."""
    for wanted in printed("llamacpp", "build", "test", "check"):
        versions = [each["version"] for each in packages if each["name"] == canonicalize_name(wanted.name)]
        assert any(wanted.specifier.contains(version) for version in versions), f"run: scripts/lock {wanted.name}"


def test_every_file_has_a_hash_and_comes_from_pypi(packages: list[dict[str, Any]]) -> None:
    """R24, LiteLLM 1.82.7 (a stolen release): a file that is not the one that was locked is not installed.

    The lock names no index or mirror.
    """
    files = [file for each in packages for file in (*each["wheels"], each.get("sdist")) if file]
    assert {"files.pythonhosted.org"} == {urlsplit(file["url"]).netloc for file in files}
    assert {64} == {len(file["hashes"]["sha256"]) for file in files}


def test_is_handed_to_pip_with_one_version_each(packages: list[dict[str, Any]]) -> None:
    """Of packages that are locked in several versions, one applies to this machine and its Python."""
    names = [each.name for each in printed("--locked") if each.marker is None or each.marker.evaluate()]
    assert len(set(names)) == len(names)
    assert {each["name"] for each in packages} >= set(names)
    assert {canonicalize_name(wanted.name) for wanted in printed("llamacpp", "build", "test", "check")} <= set(names)
