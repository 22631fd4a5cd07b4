"""``hostd init``."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.cli.verbs.init import find_engines
from hostd.config.load import load
from hostd.domain.host import Reserve
from hostd.hardware.simulated import preset
from hostd.models.reference import OllamaReference
from tests.cli.recorded import Ran
from tests.models import weights
from tests.models.test_ollama import put
from tests.models.test_scan import file, locations

Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def machine(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one card, and whatever models the test puts below its home."""
    monkeypatch.setattr("hostd.hardware.probe.probe", lambda reserve: preset("rtx4090", reserve))
    monkeypatch.setattr("hostd.models.locations.this_machine", lambda: locations(bare_home))
    return bare_home


@pytest.fixture
def models_found(machine: Path) -> Path:
    """Two models that can be served, and a broken file."""
    file(machine / "models/Tiny-1B-Q4_K_M.gguf", weights.gguf(keys={"general.file_type": 15}))
    file(machine / "models/broken.gguf", b"<html>")
    put(machine / "ollama", OllamaReference("bert", "v1"), model=weights.gguf(architecture="bert"))
    return machine


def test_what_it_writes_is_accepted(models_found: Path, hostd: Run) -> None:
    """The check finds both profiles and nothing to say about them."""
    ran = hostd("init")
    assert (0, "") == (ran.code, ran.err)
    assert ["bert-v1.yaml", "tiny-1b.yaml"] == sorted(
        path.name for path in (models_found / "config/hostd/model_profiles").iterdir()
    )
    checked = hostd("config", "check")
    assert (0, "2 profiles, no problems\n", "") == (checked.code, checked.out, checked.err)


def test_it_says_what_it_found_and_what_comes_next(models_found: Path, hostd: Run) -> None:
    """A line for each profile, the reason of every other file, and the next command."""
    out = hostd("init").out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "PROFILE MODEL FOUND IN SIZE CONTEXT SLOTS TAKES WARM" == lines[2]
    assert any(line.startswith("bert-v1 bert:v1 Ollama ") and line.endswith(" from boot") for line in lines)
    assert any(line.startswith(f"broken ({models_found / 'models'}): ") for line in lines)
    assert "next: hostd serve" == lines[-1]


def test_files_that_exist_stay_as_they_are(models_found: Path, hostd: Run) -> None:
    """Only --force overwrites them."""
    theirs = file(models_found / "config/hostd/hostd.yaml", b"limits: {max_queue: 7}\n")
    ran = hostd("init")
    assert (1, "", "limits: {max_queue: 7}\n") == (ran.code, ran.out, theirs.read_text())
    assert "already has hostd.yaml" in ran.err
    assert not (theirs.parent / "model_profiles").exists()
    assert 0 == hostd("init", "--force").code
    assert "profiles: model_profiles" in theirs.read_text()


def test_a_dry_run_writes_nothing(models_found: Path, hostd: Run) -> None:
    """It says the same, even where files exist."""
    ran = hostd("init", "--dry-run")
    assert (0, False) == (ran.code, (models_found / "config/hostd").exists())
    assert "would be written to" in ran.out
    assert "next:" not in ran.out
    assert (0, 0) == (hostd("init").code, hostd("init", "--dry-run").code)


def test_another_folder_is_named_in_the_next_command(models_found: Path, hostd: Run) -> None:
    """As a shell takes it."""
    ran = hostd("init", "--folder", str(models_found / "my files"))
    assert f"next: hostd serve --config '{models_found}/my files/hostd.yaml'" == ran.out.splitlines()[-1]
    assert 0 == hostd("config", "check", str(models_found / "my files/hostd.yaml")).code


def test_more_folders_are_looked_into(machine: Path, hostd: Run) -> None:
    """Each that is named; one that does not exist is a wrong use."""
    file(machine / "elsewhere/a.gguf", weights.gguf())
    file(machine / "there/b.gguf", weights.gguf(vocabulary=9))
    assert 0 == hostd("init", "--from", str(machine / "elsewhere"), "--from", str(machine / "there")).code
    assert {"a.yaml", "b.yaml"} == {path.name for path in (machine / "config/hostd/model_profiles").iterdir()}
    assert 2 == hostd("init", "--from", str(machine / "nowhere")).code


def test_without_models_nothing_is_written(machine: Path, hostd: Run) -> None:
    """The owner is told where to put one."""
    file(machine / "models/broken.gguf", b"")
    ran = hostd("init")
    assert (1, False) == (ran.code, (machine / "config").exists())
    assert "~/models" in ran.err
    assert "broken" in ran.out


def test_json_has_everything(models_found: Path, hostd: Run) -> None:
    """For each model its profile or the reason why it has none."""
    told: dict[str, Any] = json.loads(hostd("init", "--json").out)
    assert {"folder", "files", "written", "engines", "models"} == set(told)
    assert ({"hostd.yaml", "model_profiles/bert-v1.yaml", "model_profiles/tiny-1b.yaml"}, True) == (
        set(told["files"]),
        told["written"],
    )
    models = {model["name"]: model for model in told["models"]}
    assert ("tiny-1b", 4096, 2, True) == tuple(
        models["Tiny-1B-Q4_K_M"][key] for key in ("profile", "context", "slots", "preload")
    )
    assert {"cuda:0", "ram"} == set(models["Tiny-1B-Q4_K_M"]["pool_bytes"])
    assert (None, True) == (models["broken"]["profile"], "web page" in models["broken"]["why"])


def test_what_contradicts_older_files_is_said(models_found: Path, hostd: Run) -> None:
    """A profile that was there has taken the alias: the check's own sentences, and its exit code."""
    older = b"name: mine\naliases: ['bert:v1']\nvariants: [{backend: llamacpp, path: m.gguf}]\n"
    file(models_found / "config/hostd/model_profiles/mine.yaml", older)
    ran = hostd("init")
    assert 78 == ran.code
    assert "alias 'bert:v1' also belongs to" in ran.err


def test_engines_are_found_on_the_path(machine: Path, hostd: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs by name, packages beside hostd; without a llama.cpp the owner is told how to get one."""
    program = file(machine / "bin/ollama", b"#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(machine / "bin"))
    assert {"ollama": str(program), "vllm": None} == {name: find_engines()[name] for name in ("ollama", "vllm")}
    file(machine / "models/m.gguf", weights.gguf())
    monkeypatch.setattr("hostd.cli.verbs.init.importlib.util.find_spec", lambda _: None)
    ran = hostd("init")
    assert "engines: ollama" == ran.out.splitlines()[0]
    assert "pip install 'hostd[llamacpp]'" in ran.err


def test_troubles_of_the_machine_are_said(models_found: Path, hostd: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr; the rest goes on."""
    host = replace(preset("rtx4090", Reserve()), troubles=("the NVIDIA card at index 1 does not answer",))
    monkeypatch.setattr("hostd.hardware.probe.probe", lambda _: host)
    ran = hostd("init")
    assert (0, "hostd: the NVIDIA card at index 1 does not answer\n") == (ran.code, ran.err)


def test_cards_that_a_variable_hides_take_no_model(
    models_found: Path, hostd: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which variable, and plans for what is left: another card, or the processor."""
    monkeypatch.setattr("hostd.hardware.probe.probe", lambda reserve: preset("2xrtx3090", reserve))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    ran = hostd("init", "--dry-run", "--json")
    assert "CUDA_VISIBLE_DEVICES=1 shows it cuda:1 alone" in ran.err
    assert {"cuda:1", "ram"} >= {pool for each in json.loads(ran.out)["models"] for pool in each["pool_bytes"] or {}}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    ran = hostd("init", "--dry-run", "--json")
    assert "CUDA_VISIBLE_DEVICES=-1 hides all cards from it" in ran.err
    assert {"ram"} == {pool for each in json.loads(ran.out)["models"] for pool in each["pool_bytes"] or {}}


def test_the_models_found_have_six_roles(machine: Path, hostd: Run) -> None:
    """Quick roles begin with the smaller one."""
    file(machine / "models/Tiny-1B-Q4_K_M.gguf", weights.gguf(keys={"general.file_type": 15}))
    file(machine / "models/Large-2B-Q4_K_M.gguf", weights.gguf(keys={"general.file_type": 15}) + bytes(4096))
    assert 0 == hostd("init").code
    roles = load(machine / "config/hostd/hostd.yaml", {}).roles
    assert ("tiny-1b", "large-2b") == (roles["utility"].use[0], roles["engineer"].use[0])
    assert 6 == len(roles)


def test_a_preset_needs_no_model_here(machine: Path, hostd: Run) -> None:
    """It is written as it ships, and says that models have to be pulled."""
    missing = hostd("init")
    assert (1, True) == (missing.code, "--preset rtx4090" in missing.err)
    ran = hostd("init", "--preset", "rtx4090")
    assert (0, "") == (ran.code, ran.err)
    assert "next: hostd pull\nthen: hostd serve" in ran.out
    assert "3 profiles, no problems\n" == hostd("config", "check").out


def test_a_provider_is_asked_only_on_demand(models_found: Path, hostd: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is there is mentioned; with --cloud, what leaves is said."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-anything")
    assert "--cloud anthropic" in hostd("init").err
    ran = hostd("init", "--force", "--cloud", "anthropic")
    assert (0, True) == (ran.code, "leaves this machine" in ran.err)
    settings = load(models_found / "config/hostd/hostd.yaml", {"ANTHROPIC_API_KEY": "sk-anything"})
    assert ["claude-sonnet-5-5", "tiny-1b"] == list(settings.roles["writer"].use)
