"""``hostd pull --verify``: what is damaged is found and told, with what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.recorded import Ran
from tests.models import weights
from tests.models.hub import REPO, Hub
from tests.models.pulling import CONTENT

Hostd = Callable[..., Ran]
MODEL = weights.gguf() + CONTENT
FILE = f"hf:{REPO}/m.gguf"
KEYS = ["model", "reference", "path", "bytes", "checked_bytes", "seconds", "files", "verdict", "why", "notes"]


@pytest.fixture(autouse=True)
def model(hub: Hub) -> None:
    """What the hub and the registry have."""
    hub.files["m.gguf"] = MODEL
    hub.add_model("q", "9b", model=MODEL)


def spoil(home: Path) -> Path:
    """Change the last byte of the model in the hub's cache; return its blob."""
    (blob,) = (home / "cache/huggingface/hub").glob("models--*/blobs/*")
    blob.write_bytes(MODEL[:-1] + b"x")
    return blob


def test_what_was_pulled_is_verified(hub: Hub, hostd: Hostd) -> None:
    """Its place is printed, as by a pull, and nothing is fetched."""
    pulled = hostd("pull", FILE)
    hub.seen.clear()
    ran = hostd("pull", "--verify", FILE)
    assert (0, pulled.out) == (ran.code, ran.out)
    assert f"hostd: {FILE}: 1 file, 2.9 MiB, right: every file has its checksum\n" == ran.err
    assert not any("/store" in path for _, path, _ in hub.seen)


def test_damage_is_told_and_a_pull_mends_it(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """Exit code 1, which file to remove and what to run; doing so helps."""
    hostd("pull", FILE)
    blob = spoil(bare_home)
    ran = hostd("pull", "--verify", FILE)
    assert (1, "") == (ran.code, ran.out)
    assert f"remove {blob}, and fetch it again with: hostd pull {FILE}" in ran.err
    blob.unlink()
    assert 0 == hostd("pull", FILE).code
    assert 0 == hostd("pull", "--verify", FILE).code


def test_json_has_a_row_for_each_model(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """Also for one that is damaged; the exit code is the worst."""
    hostd("pull", FILE, "ollama:q:9b")
    spoil(bare_home)
    ran = hostd("pull", "--verify", FILE, "ollama:q:9b", "--json")
    file, tag = json.loads(ran.out)
    assert (1, KEYS, KEYS) == (ran.code, list(file), list(tag))
    assert ("damaged", "right") == (file["verdict"], tag["verdict"])
    assert (len(MODEL), len(MODEL)) == (file["bytes"], file["checked_bytes"])
    assert ["name", "bytes", "sha256", "verdict", "why"] == list(file["files"][0])
    assert "hostd: 1 of 2 could not be verified: " in ran.err


def test_nothing_named_is_everything_declared(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """All variants that are here; a profile of which nothing is here is told and is no failure, unless it was named."""
    folder = bare_home / "config/hostd/model_profiles"
    folder.mkdir(parents=True)
    (bare_home / "own.gguf").write_bytes(weights.gguf())
    (folder / "a.yaml").write_text(
        f"name: a\nvariants:\n  - {{backend: llamacpp, hf: {REPO}, file: m.gguf}}\n"
        f"  - {{backend: llamacpp, path: {bare_home / 'own.gguf'}}}\n"
        "  - {backend: openai, url: 'http://127.0.0.1:1/v1', model: x}\n"
    )
    (folder / "b.yaml").write_text(f"name: b\nvariants: [{{backend: llamacpp, hf: {REPO}, file: n.gguf}}]\n")
    hostd("pull", "a", "--variant", "1")
    ran = hostd("pull", "--verify", "--json")
    assert (0, ["right", "unchecked"]) == (ran.code, [row["verdict"] for row in json.loads(ran.out)])
    assert "hostd: b: no model of that name is here whole" in ran.err
    assert ["unchecked"] == [
        row["verdict"] for row in json.loads(hostd("pull", "--verify", "a", "--variant", "2", "--json").out)
    ]
    assert 1 == hostd("pull", "--verify", "b").code


def test_nothing_declared_is_everything_pulled(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """In the hub's cache and in Ollama's store."""
    empty = hostd("pull", "--verify")
    assert (0, "", True) == (empty.code, empty.out, "nothing was pulled" in empty.err)
    hostd("pull", FILE, "ollama:q:9b")
    ran = hostd("pull", "--verify", "--json")
    assert (0, {FILE, "ollama:q:9b"}) == (ran.code, {row["reference"] for row in json.loads(ran.out)})
    spoil(bare_home)
    assert 1 == hostd("pull", "--verify").code


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["nonsense"], 5, "no profile and no file"),
        ([FILE], 1, f"fetch it with: hostd pull {FILE}"),
        ([FILE, "--variant", "1"], 2, "are for profiles"),
    ],
)
def test_what_cannot_be_verified(hub: Hub, hostd: Hostd, argv: list[str], code: int, said: str) -> None:
    """A sentence and the right exit code."""
    ran = hostd("pull", "--verify", *argv, "--json")
    assert (code, [], True) == (ran.code, json.loads(ran.out), said in ran.err)
