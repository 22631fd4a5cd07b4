"""``hostd config``, with real files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.recorded import Ran

GOOD = """\
name: tiny
variants:
  - {backend: llamacpp, path: ../there.gguf}
  - {backend: llamacpp, path: /nowhere/missing.gguf}
  - {backend: cloud, provider: anthropic, model: claude-haiku-4-5, api_key: "${env:SECRET_KEY}"}
"""


@pytest.fixture
def home_file(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's hostd.yaml with one profile, one of whose files is not there."""
    monkeypatch.setenv("SECRET_KEY", "sk-very-secret")
    folder = bare_home / "config" / "hostd"
    (folder / "model_profiles").mkdir(parents=True)
    (folder / "there.gguf").write_bytes(b"GGUF")
    (folder / "model_profiles" / "tiny.yaml").write_text(GOOD)
    (folder / "hostd.yaml").write_text("limits: {max_queue: 7}\n")
    return folder / "hostd.yaml"


def test_good_files_have_no_problems(home_file: Path, hostd: Callable[..., Ran]) -> None:
    """The count goes to stdout; what is missing or has no effect yet is told on stderr, and is no failure."""
    home_file.write_text("limits: {max_queue: 7}\nkeys: {file: keys.yaml}\n")
    ran = hostd("config", "check")
    assert (0, "1 profile, no problems\n") == (ran.code, ran.out)
    assert "profile 'tiny': there is no file /nowhere/missing.gguf, so this variant cannot be served" in ran.err
    assert "there.gguf, " not in ran.err


def test_every_problem_is_told_with_its_place(home_file: Path, hostd: Callable[..., Ran]) -> None:
    """All problems of all files come at once, one on each line, with exit code 78."""
    home_file.write_text("limits: {max_queeu: 7}\nwarm: {keep_alive: soon}\n")
    ran = hostd("config", "check", str(home_file))
    assert (78, "") == (ran.code, ran.out)
    assert [f"{home_file}:1:", f"{home_file}:2:"] == [line[: len(str(home_file)) + 3] for line in ran.err.splitlines()]
    assert "max_queue" in ran.err


def test_check_answers_programs(home_file: Path, hostd: Callable[..., Ran]) -> None:
    """As JSON, each problem has its file, line and column apart."""
    home_file.write_text("\nlimits: {max_queeu: 7}\n")
    ran = hostd("config", "check", "--json")
    (problem,) = json.loads(ran.out)["problems"]
    assert (78, str(home_file), 2) == (ran.code, problem["file"], problem["line"])


def test_a_file_that_is_not_there_is_bad_configuration(bare_home: Path, hostd: Callable[..., Ran]) -> None:
    """A file named by hand must exist."""
    ran = hostd("config", "check", "/nowhere/hostd.yaml")
    assert (78, "") == (ran.code, ran.out)
    assert "/nowhere/hostd.yaml" in ran.err


def test_the_settings_are_shown_with_defaults_and_without_secrets(home_file: Path, hostd: Callable[..., Ran]) -> None:
    """YAML and JSON say the same; what the file changes and what it leaves alone are both there, the key is not."""
    ran = hostd("config", "show")
    shown = yaml.safe_load(ran.out)
    assert 0 == ran.code
    assert (7, "30s") == (
        shown["profiles"]["tiny"]["limits"]["max_queue"],
        shown["profiles"]["tiny"]["limits"]["queue_timeout"],
    )
    assert "sk-very-secret" not in ran.out
    assert shown == json.loads(hostd("config", "show", str(home_file), "--json").out)


def test_broken_files_are_not_shown(home_file: Path, hostd: Callable[..., Ran]) -> None:
    """Showing has the same problems to tell as checking."""
    home_file.write_text("limits: 3\n")
    ran = hostd("config", "show")
    assert (78, "") == (ran.code, ran.out)
    assert f"{home_file}:1:" in ran.err


def test_the_schema_is_json(hostd: Callable[..., Ran]) -> None:
    """The schema knows the keys of the files, and asking for JSON changes nothing."""
    ran = hostd("config", "schema")
    assert (0, "") == (ran.code, ran.err)
    assert "max_queue" in json.dumps(json.loads(ran.out))
    assert ran == hostd("config", "schema", "--json")


def test_the_path_is_the_file_in_use(home_file: Path, hostd: Callable[..., Ran]) -> None:
    """The path alone is on stdout, for other commands to use."""
    assert Ran(0, f"{home_file}\n", "") == hostd("config", "path")
    assert {"path": str(home_file)} == json.loads(hostd("config", "path", "--json").out)


def test_no_file_is_no_failure(bare_home: Path, hostd: Callable[..., Ran]) -> None:
    """Without a file stdout stays empty, and a sentence says where one would go."""
    ran = hostd("config", "path")
    assert (0, "") == (ran.code, ran.out)
    assert str(bare_home / "config" / "hostd" / "hostd.yaml") in ran.err
    assert {"path": None} == json.loads(hostd("config", "path", "--json").out)


def test_a_named_file_that_is_not_there_is_told(
    bare_home: Path, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOSTD_CONFIG that leads nowhere is bad configuration, not silence."""
    monkeypatch.setenv("HOSTD_CONFIG", "/nowhere/hostd.yaml")
    ran = hostd("config", "path")
    assert (78, "") == (ran.code, ran.out)
    assert "/nowhere/hostd.yaml" in ran.err
