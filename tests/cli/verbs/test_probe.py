"""``hostd probe``."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.recorded import Daemon, Ran

MODEL = "GET /hostd/v1/models/org%2Fcoder"
PATH = "POST /hostd/v1/models/org%2Fcoder/probe"
ANSWER: dict[str, Any] = {
    "model": "org/coder",
    "variant": "llamacpp:coder.gguf",
    "backend": "llamacpp",
    "build": "b7",
    "declared": {"tools": True, "thinking": "optional", "embeddings": False},
    "probed": {
        "tools": {"verdict": "no", "why": "it wrote the call into its text"},
        "json_schema": {"verdict": "yes", "why": "its answer follows the schema"},
        "thinking": {"verdict": "no", "why": "it answered without reasoning"},
        "vision": {"verdict": "unknown", "why": "its engine does not say"},
        "embeddings": {"verdict": "no", "why": "not declared"},
    },
}


@pytest.fixture(autouse=True)
def address(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line finds the daemon by its environment, and the daemon knows the model."""
    monkeypatch.setenv("HOSTD_URL", daemon.url)
    daemon.on(MODEL, {"name": "org/coder"})


def test_each_verdict_has_its_reason(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """A table on stdout; what contradicts the profile is said besides, as that is what counts."""
    daemon.on(PATH, ANSWER)
    ran = hostd("probe", "org/coder")
    rows = {line.split()[0]: line.split()[1] for line in ran.out.splitlines()}
    assert 0 == ran.code
    assert {"tools": "no", "json_schema": "yes", "vision": "unknown"}.items() <= rows.items()
    assert "it wrote the call into its text" in ran.out
    told = [line for line in ran.err.splitlines() if "declares" in line]
    assert ["hostd: the profile declares tools: yes, which counts; it was found otherwise"] == told


def test_nothing_is_said_to_be_asked_that_cannot_be(
    daemon: Daemon, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a model that is not known, nor anything where no daemon answers."""
    unknown = {"error": {"message": "there is no model 'org/coder'", "code": "model_not_found"}}
    daemon.on(MODEL, unknown, status=404)
    ran = hostd("probe", "org/coder")
    assert (False, "there is no model", "") == ("asking" in ran.err, ran.err[7:24], ran.out)
    monkeypatch.setenv("HOSTD_URL", "http://127.0.0.1:1")
    ran = hostd("probe", "org/coder")
    assert (3, False) == (ran.code, "asking" in ran.err)


def test_some_models_are_asked_nothing(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """One that ranks texts, for example; an empty table would say less than a sentence."""
    daemon.on(PATH, ANSWER | {"probed": {}})
    ran = hostd("probe", "org/coder")
    assert (0, "", True) == (ran.code, ran.out, "about which nothing is asked" in ran.err)


def test_programs_read_all_of_it(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Nothing else is on stdout."""
    daemon.on(PATH, ANSWER)
    assert ANSWER == json.loads(hostd("probe", "org/coder", "--json").out)


def test_consent_is_passed_on(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Without it a model that costs money is not asked: that is not allowed, and the sentence says how to allow it."""
    refused = {"error": {"message": "agree with hostd probe --yes", "code": "costs_money"}}
    daemon.on(PATH, refused, status=403)
    ran = hostd("probe", "org/coder")
    assert (4, True) == (ran.code, "--yes" in ran.err)
    daemon.on(f"{PATH}?paid=1", ANSWER)
    assert 0 == hostd("probe", "org/coder", "--yes").code
