"""What is published: a wheel with everything that hostd needs to run, and the sources, which build that same wheel."""

import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.packages import ROOT, build_sources, build_wheel

pytestmark = pytest.mark.slow

BESIDE = ("model_profiles", "systemd", "launchd")
"""Folders at the top that the wheel has inside the package."""
KNOWN = {
    "hostd/__main__.py",
    "hostd/cli/verbs/serve.py",
    "hostd/demo/hostd.yaml",
    "hostd/gateway/dashboard/files/app.js",
    "hostd/gateway/dashboard/files/index.html",
    "hostd/demo/model_profiles/tiny-chat.yaml",
    "hostd/demo/models/tiny-chat.gguf",
    "hostd/launchd/agent.plist",
    "hostd/launchd/daemon.plist",
    "hostd/model_profiles/presets/rtx4090/hostd.yaml",
    "hostd/model_profiles/qwen3.5-9b.yaml",
    "hostd/model_profiles/shapes/qwen3.5-9b.json",
    "hostd/simulation/traces/azure-2023.csv",
    "hostd/telemetry/grafana_dashboard.json",
    "hostd/systemd/system/hostd.service",
    "hostd/systemd/user/hostd.service",
}
"""One file at least of each kind: a folder that was moved must not vanish from both sides of the comparison."""


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of *wheel*."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files_below(folder: Path) -> Mapping[str, Path]:
    """Return the files below *folder*, less what running it leaves there, by their paths in it."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path for path in files}


def test_the_wheel_holds_the_package_and_what_lies_beside_it(tmp_path: Path) -> None:
    """Code, units, plists, profiles, presets and demonstration models are inside, byte by byte; tests and scripts are not."""
    found = contents(build_wheel(tmp_path))
    inside = {name: content for name, content in found.items() if not name.split("/")[0].endswith(".dist-info")}
    wanted = {f"hostd/{name}": path for name, path in files_below(ROOT / "hostd").items()}
    for folder in BESIDE:
        wanted |= {f"hostd/{folder}/{name}": path for name, path in files_below(ROOT / folder).items()}
    assert wanted.keys() == inside.keys()
    assert [] == [name for name, path in wanted.items() if path.read_bytes() != inside[name]]
    assert set() == KNOWN - inside.keys()
    about = {name.split("/", 1)[1] for name in found.keys() - inside.keys()}
    assert {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"} == about


def test_the_sources_build_the_same_wheel(tmp_path: Path) -> None:
    """Whoever packages hostd from its archive of sources ships what is published as a wheel."""
    archive = build_sources(tmp_path)
    with tarfile.open(archive) as sources:
        tops = {name.split("/")[1] for name in sources.getnames()}
    assert {"hostd", "tests", "scripts", *BESIDE, "LICENSE", "CHANGELOG.md", "pylock.toml"} <= tops
    assert contents(build_wheel(tmp_path / "ours")) == contents(build_wheel(tmp_path / "theirs", archive))
