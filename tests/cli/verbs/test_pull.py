"""``hostd pull``."""

import hashlib
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from tests.cli.recorded import Ran
from tests.cli.terminal import DEADLINE, Terminal
from tests.models import weights
from tests.models.hub import COMMIT, REPO, Hub
from tests.models.pulling import CONTENT

Hostd = Callable[..., Ran]
MODEL = weights.gguf() + CONTENT
FILE = f"hf:{REPO}/m.gguf"
KEYS = ["model", "reference", "path", "bytes", "downloaded_bytes", "seconds", "files", "verdict", "why", "notes"]


@pytest.fixture(autouse=True)
def model(hub: Hub) -> None:
    """What the hub and the registry have."""
    hub.files["m.gguf"] = MODEL


def snapshot(home: Path) -> Path:
    """Return where the repository's files are seen."""
    return home / "cache/huggingface/hub" / f"models--{REPO.replace('/', '--')}" / "snapshots" / COMMIT


def declare(home: Path, *variants: str, name: str = "m") -> None:
    """Declare a profile with these variants."""
    folder = home / "config/hostd/model_profiles"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"name: {name}", "context: 2048", "variants:", *(f"  - {{{variant}}}" for variant in variants)]
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n")


def test_a_file_comes_and_its_place_is_printed(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """Beforehand its size and whether it will fit, afterwards what to do next; the place alone is data."""
    ran = hostd("pull", FILE)
    path = snapshot(bare_home) / "m.gguf"
    assert (0, f"{path}\n", MODEL) == (ran.code, ran.out, path.read_bytes())
    lines = ran.err.splitlines()
    assert lines[0].startswith(f"hostd: {FILE}: 1 file, 2.9 MiB, 2.9 MiB to come, in {bare_home}")
    assert lines[1].startswith(f"hostd: {FILE}: fits on ")
    assert f"hostd: {FILE} is here; what it needs to run: hostd plan {FILE}" == lines[-1]
    again = hostd("pull", FILE)
    assert (0, ran.out, True) == (again.code, again.out, "all of it here" in again.err)


def test_json_has_exactly_the_promised_keys(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """One row for each model, in the order in which they were named."""
    hub.add_model("q", "9b", model=MODEL)
    ran = hostd("pull", FILE, "ollama:q:9b", "--json", "--yes")
    file, tag = json.loads(ran.out)
    digest = hashlib.sha256(MODEL).hexdigest()
    assert (0, KEYS, KEYS) == (ran.code, list(file), list(tag))
    assert [{"name": "m.gguf", "bytes": len(MODEL), "sha256": digest}] == file["files"]
    assert (len(MODEL), len(MODEL), "fits") == (file["bytes"], file["downloaded_bytes"], file["verdict"])
    assert str(bare_home / ".ollama/models/blobs" / f"sha256-{digest}") == tag["path"]
    assert 0 == json.loads(hostd("pull", FILE, "--json").out)[0]["downloaded_bytes"]


def test_a_profile_is_its_first_variant_that_can_be_served(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """Or the one that is named by number, or all."""
    hub.files["n.gguf"] = MODEL[::-1]
    declare(
        bare_home,
        "backend: openai, url: 'http://127.0.0.1:1/v1', model: x",
        f"backend: llamacpp, hf: {REPO}, file: m.gguf",
        f"backend: llamacpp, hf: {REPO}, file: n.gguf",
    )
    assert f"{snapshot(bare_home) / 'm.gguf'}\n" == hostd("pull", "m").out
    assert not (snapshot(bare_home) / "n.gguf").exists()
    assert f"{snapshot(bare_home) / 'n.gguf'}\n" == hostd("pull", "m", "--variant", "3").out
    assert 2 == len(hostd("pull", "--all").out.splitlines())
    assert 2 == hostd("pull", "m", "--variant", "1").code


def test_what_is_a_file_here_is_not_pulled(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """The best variant needs nothing."""
    (bare_home / "own.gguf").write_bytes(MODEL)
    declare(
        bare_home,
        f"backend: llamacpp, path: {bare_home / 'own.gguf'}",
        f"backend: llamacpp, hf: {REPO}, file: m.gguf",
    )
    ran = hostd("pull", "m", "--json")
    assert (0, [], True) == (ran.code, json.loads(ran.out), "here already" in ran.err)


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["hf:owner/modell"], 5, "did you mean hf:owner/model?"),
        ([f"hf:{REPO}/n.gguf"], 5, "it has m.gguf"),
        (["ollama:zzz"], 5, "https://ollama.com/library/zzz/tags"),
        (["nonsense"], 5, "no profile and no file"),
        ([f"hf:{REPO}/pytorch_model.bin"], 5, "can run any code"),
        ([], 2, "name what to pull"),
        (["/tmp"], 2, "nothing to pull"),
        ([FILE, "--variant", "0"], 2, "--variant"),
    ],
)
def test_what_cannot_be_pulled(hub: Hub, hostd: Hostd, argv: list[str], code: int, said: str) -> None:
    """A sentence, the right exit code, nothing on stdout, and nothing fetched."""
    hub.found = ("owner/model",)
    ran = hostd("pull", *argv, "--json")
    assert (code, "") == (ran.code, ran.out)
    assert said in ran.err
    assert not any("/store" in path for _, path, _ in hub.seen)


def test_what_is_not_there_keeps_nothing_else_away(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """Each sentence names its profile, profiles without weights on a hub are passed over, and the exit code is the worst."""
    declare(bare_home, "backend: llamacpp, hf: owner/gone, file: x.gguf", name="a")
    declare(bare_home, f"backend: llamacpp, hf: {REPO}, file: m.gguf", name="b")
    declare(bare_home, "backend: ollama, tag: 'q:9b', url: 'http://127.0.0.1:1'", name="c")
    ran = hostd("pull", "--json")
    assert (5, ["b"], True) == (
        ran.code,
        [row["model"] for row in json.loads(ran.out)],
        (snapshot(bare_home) / "m.gguf").exists(),
    )
    assert f"hostd: a: {hub.url} has no hf:owner/gone/x.gguf" in ran.err
    assert "hostd: profile 'c' names no weights on a hub" in ran.err
    assert "hostd: 1 of 3 could not be pulled: a" == ran.err.splitlines()[-1]
    assert 2 == hostd("pull", "c").code


def test_a_file_that_is_refused_leaves_the_others(hub: Hub, hostd: Hostd) -> None:
    """What came is told, and what did not."""
    hub.files["n.gguf"] = MODEL[::-1]
    hub.faults["/n.gguf"] = "code 403 GatedRepo"
    ran = hostd("pull", f"hf:{REPO}/n.gguf", FILE)
    assert (1, True) == (ran.code, ran.out.endswith("/m.gguf\n"))
    assert f"hostd: 1 of 2 could not be pulled: hf:{REPO}/n.gguf" == ran.err.splitlines()[-1]


def test_another_variant_is_named_or_taken(hub: Hub, hostd: Hostd, bare_home: Path) -> None:
    """Where the first one's repository is gone, and this is said in both cases."""
    declare(
        bare_home,
        "backend: llamacpp, hf: owner/gone, file: x.gguf",
        f"backend: llamacpp, hf: {REPO}, file: m.gguf",
    )
    first = hostd("pull", "m", "--variant", "1")
    assert 5 == first.code
    assert f"its variant 2, hf:{REPO}/m.gguf, is there: hostd pull m --variant 2" in first.err
    best = hostd("pull", "m")
    assert (0, f"{snapshot(bare_home) / 'm.gguf'}\n") == (best.code, best.out)
    assert f"hostd: m: a variant was left out: {hub.url}/owner/gone/resolve/main/x.gguf does not exist" in best.err


def test_a_gate_says_what_to_do(hub: Hub, hostd: Hostd) -> None:
    """Its terms must be accepted by a person."""
    hub.faults["/resolve/"] = "code 403 GatedRepo"
    ran = hostd("pull", FILE)
    assert (1, True) == (ran.code, "accept the model's terms on its page and give HF_TOKEN" in ran.err)


def test_a_full_disk_is_known_beforehand(hub: Hub, hostd: Hostd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, how much is missing, and nothing fetched."""
    monkeypatch.setattr("hostd.models.download.pull.MARGIN", 2**60)
    ran = hostd("pull", FILE)
    assert (1, "") == (ran.code, ran.out)
    assert "are missing; remove what you no longer need" in ran.err
    assert not any("/store" in path and "range" not in headers for _, path, headers in hub.seen)


@pytest.mark.slow
def test_ctrl_c_leaves_what_the_next_run_goes_on_with(
    hub: Hub, process: Callable[..., subprocess.Popen[str]], hostd: Hostd, bare_home: Path
) -> None:
    """Exit code 130, a sentence, and a partial file; the same command fetches the rest alone."""
    hub.turns["GET /store/"] = ["", "hold 1000000"]
    child = process("pull", FILE)
    assert hub.held.wait(DEADLINE)
    deadline = monotonic() + DEADLINE
    while 1_000_000 > sum(path.stat().st_size for path in (bare_home / "cache").rglob("*.incomplete")):
        assert monotonic() < deadline
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=DEADLINE)
    assert (130, "") == (child.returncode, out)
    assert "hostd: stopped; what was downloaded is kept: run the same command to resume" in err
    hub.seen.clear()
    assert 0 == hostd("pull", FILE).code
    assert "bytes=1000000-" in [headers.get("range") for _, path, headers in hub.seen if path.startswith("/store")]
    assert MODEL == (snapshot(bare_home) / "m.gguf").read_bytes()


@pytest.mark.slow
def test_a_terminal_is_asked_first(hub: Hub, process: Callable[..., subprocess.Popen[str]], bare_home: Path) -> None:
    """With the size; a no fetches nothing, and --yes is not asked."""
    with Terminal() as terminal:
        child = process("pull", FILE, stdin=terminal.end, stderr=terminal.end)
        terminal.wait_for("download 2.9 MiB?")
        terminal.write("n\n")
        assert ("", 1) == (child.communicate(timeout=DEADLINE)[0], child.returncode)
        assert not snapshot(bare_home).exists()
        terminal.wait_for("hostd: nothing was downloaded")
        child = process("pull", FILE, "--yes", stdin=terminal.end, stderr=terminal.end)
        assert f"{snapshot(bare_home) / 'm.gguf'}\n" == child.communicate(timeout=DEADLINE)[0]
