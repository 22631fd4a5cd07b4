"""``hostd plan``."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hostd.domain.host import Reserve
from hostd.hardware.simulated import preset
from tests.cli.models import GIB, declare, weigh
from tests.cli.recorded import Daemon, Ran, planning_answer
from tests.planning.stub import stub
from tests.planning.truth import ROWS, Row, numbers, rows, serving, tensors

MIB = 2**20
KEYS = ["model", "backend", "tier", "verdict", "pool_bytes", "components", "host_bytes", "evict", "levers", "why"]
EXACT = [row for row in rows() if {"kv", "rs"} & set(row["exact_components"])]

Hostd = Callable[..., Ran]


@pytest.fixture(autouse=True)
def offline(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon answers, no hub is asked."""
    monkeypatch.setenv("HOSTD_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def told(hostd: Hostd) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run a plan and return its exit code and what it printed."""

    def invoke(*argv: object) -> tuple[int, dict[str, Any]]:
        ran = hostd("plan", *map(str, argv), "--json")
        return ran.code, json.loads(ran.out)

    return invoke


Told = Callable[..., tuple[int, dict[str, Any]]]


def options(row: Row) -> list[str]:
    """Return the command line for a row of the measured data."""
    flags = serving(row)
    words = ["--slots", flags.slots, "--flash-attn", flags.flash, "--ubatch", flags.ubatch]
    words += [
        "--kv-type",
        flags.key_type if flags.key_type == flags.value_type else f"{flags.key_type},{flags.value_type}",
    ]
    words += ["--ctx", flags.context] if flags.context else []
    return [*map(str, words), "--kv-unified" if flags.unified else "--no-kv-unified", "--host", "h200"]


@pytest.mark.parametrize("here", [False, True], ids=["there", "here"])
@pytest.mark.parametrize("row", EXACT, ids=[row["id"] for row in EXACT])
def test_exact_components_are_reproduced(row: Row, here: bool, told: Told, tmp_path: Path) -> None:
    """KV cache and recurrent state are what llama.cpp printed, to 0.01 MiB, from a header alone and through this command.

    On this machine the installed engine may have its say as well; it must not be another.
    """
    name, file = row["arch"].get("gguf_arch", "llama"), tmp_path / "model.gguf"
    keys = {f"{name}.{key}": number for key, number in numbers(row).items() if number is not None}
    file.write_bytes(stub({"general.architecture": name, "general.name": row["model"], **keys}, tensors(row)))
    words = options(row)
    code, data = told(file, *(words[: words.index("--host")] if here else words))
    found = data["models"][0]["components"]
    assert here or code == 0
    for component, key in (("kv", "kv"), ("rs", "recurrent")):
        if component in row["exact_components"]:
            assert row["measured_mib"][component] == pytest.approx(found[key] / MIB, abs=0.0101)


def test_a_plan_beside_a_daemon_goes_by_its_host(
    hostd: Hostd, daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was started with another one's memory, and this is said; one that is named on the command line comes first."""
    card = preset("rtx4090", Reserve())
    daemon.on("GET /hostd/v1/plan", planning_answer(card, {"cuda:0": 22 * GIB}, held={}))
    monkeypatch.setenv("HOSTD_URL", daemon.url)
    path = str(weigh(tmp_path / "a.gguf", 14))
    ran = hostd("plan", path, "--ctx", "8192", "--json")
    assert "cuda:0" in json.loads(ran.out)["models"][0]["pool_bytes"]
    assert "hostd: planned with the memory of the daemon" in ran.err
    other = hostd("plan", path, "--ctx", "8192", "--json", "--host", "cpu-64g")
    assert (["ram"], "") == (list(json.loads(other.out)["models"][0]["pool_bytes"]), other.err)


def test_every_exact_row_of_the_data_is_there() -> None:
    """None of llama.cpp's is left out."""
    exact = [row for row in ROWS if {"kv", "rs"} & set(row["exact_components"])]
    assert len(exact) == len(EXACT)


def test_json_has_exactly_the_promised_keys(told: Told, tmp_path: Path) -> None:
    """Spans by pool, expected bytes by component, and the pools sum to the components."""
    code, data = told(weigh(tmp_path / "a.gguf", 14), "--ctx", 8192, "--host", "rtx4090")
    assert ["models", "warm_set", "proved_optimal"] == list(data)
    (model,) = data["models"]
    assert KEYS == list(model)
    assert ["weights", "kv", "recurrent", "compute", "overhead"] == list(model["components"])
    assert ({"low", "expected", "high"}, {"cuda:0", "ram"}) == (
        set(model["pool_bytes"]["cuda:0"]),
        set(model["pool_bytes"]),
    )
    assert sum(model["components"].values()) == sum(span["expected"] for span in model["pool_bytes"].values())
    assert (0, "fits", "header", "llamacpp") == (code, model["verdict"], model["tier"], model["backend"])
    assert (1 * GIB, model["pool_bytes"]["ram"]["expected"]) == (model["components"]["kv"], model["host_bytes"])
    assert ([model["model"]], True) == (data["warm_set"], data["proved_optimal"])


@pytest.mark.parametrize(
    ("gib", "host", "where"),
    [
        (14, "rtx4090", {"cuda:0", "ram"}),
        (30, "2xrtx3090", {"cuda:0", "cuda:1", "ram"}),
        (14, "2xrtx3090", {"cuda:0", "ram"}),
        (14, "m2max-64g", {"metal"}),
        (14, "cpu-64g", {"ram"}),
        (14, "rx7900xtx", {"rocm:0", "ram"}),
    ],
)
def test_where_a_model_goes(told: Told, tmp_path: Path, gib: float, host: str, where: set[str]) -> None:
    """One card if it fits, else a split; a Mac's memory; or main memory."""
    code, data = told(weigh(tmp_path / "a.gguf", gib), "--ctx", 8192, "--host", host)
    assert (0, where) == (code, set(data["models"][0]["pool_bytes"]))


def test_what_is_too_large_for_the_cards_is_left_to_the_host_in_part(told: Told, tmp_path: Path) -> None:
    """The number of layers that fit is computed and said, and what would save memory is listed."""
    code, data = told(weigh(tmp_path / "a.gguf", 40), "--ctx", 8192, "--host", "rtx4090")
    (model,) = data["models"]
    assert (0, "fits") == (code, model["verdict"])
    assert "of 33 layers (gpu-layers" in model["why"]
    assert model["levers"]


def test_what_does_not_fit_says_what_to_change(told: Told, tmp_path: Path) -> None:
    """Exit code 11, the pool that is too small, and levers ranked by what they save."""
    code, data = told(weigh(tmp_path / "a.gguf", 8), "--host", "cpu-16g")
    (model,) = data["models"]
    saves = [lever["saves_bytes"] for lever in model["levers"]]
    assert (11, "does_not_fit", []) == (code, model["verdict"], data["warm_set"])
    assert "ram is" in model["why"]
    assert "131072 tokens of context that it was trained for" in model["why"]
    assert sorted(saves, reverse=True) == saves
    assert any("largest that fits" in lever["change"] for lever in model["levers"])


def test_the_declared_set(told: Told, bare_home: Path) -> None:
    """Important models first; what is left out fits once another is gone: exit code 10."""
    declare(bare_home, "planner", 12, warm="{priority: 90}")
    declare(bare_home, "coder", 12)
    code, data = told("--host", "rtx4090")
    verdicts = {model["model"]: (model["verdict"], model["evict"]) for model in data["models"]}
    assert (10, ["planner"], True) == (code, data["warm_set"], data["proved_optimal"])
    assert {"planner": ("fits", []), "coder": ("fits_after_evicting", ["planner"])} == verdicts
    assert 0 == told("--host", "2xrtx3090")[0]


def test_a_file_beside_the_declared_set(told: Told, bare_home: Path) -> None:
    """What should be warm may have to go for it, unless it is pinned."""
    declare(bare_home, "planner", 16)
    other = weigh(bare_home / "other.gguf", 12)
    code, data = told(other, "--ctx", 4096, "--host", "rtx4090")
    assert (10, ["planner"]) == (code, data["models"][0]["evict"])
    declare(bare_home, "planner", 16, warm="{pinned: true}")
    assert "fits_after_evicting" != told(other, "--ctx", 4096, "--host", "rtx4090")[1]["models"][0]["verdict"]


def test_a_profile_is_planned_as_it_will_be_launched(told: Told, bare_home: Path) -> None:
    """Its context is per request, its args count, and the command line wins."""
    declare(bare_home, "planner", 6, kv_type="q8_0", args="{ubatch-size: 256}")
    kv = told("planner", "--host", "rtx4090")[1]["models"][0]["components"]["kv"]
    assert 8192 * 2 * 128 * 1024 * 17 // 32 == kv
    assert (
        8192 * 128 * 1024
        == told("planner", "--slots", 1, "--kv-type", "f16", "--host", "rtx4090")[1]["models"][0]["components"]["kv"]
    )


def test_what_a_running_daemon_has_loaded_counts(told: Told, daemon: Daemon, bare_home: Path) -> None:
    """An idle model is evicted, one in use stays warm; and only where the idle ones do not suffice, one in use is waited for."""
    host = preset("cpu-16g", Reserve())
    held = {"idle": {"ram": 10 * GIB}, "busy": {"ram": 9 * GIB}}
    daemon.on("GET /hostd/v1/plan", planning_answer(host, {"ram": GIB}, held, busy=("busy",)))
    code, data = told(weigh(bare_home / "a.gguf", 5), "--ctx", 4096, "--url", daemon.url)
    assert (10, ["idle"], ["busy"]) == (code, data["models"][0]["evict"], data["warm_set"])
    code, data = told(weigh(bare_home / "b.gguf", 12), "--ctx", 4096, "--url", daemon.url)
    assert (10, {"busy", "idle"}, []) == (code, set(data["models"][0]["evict"]), data["warm_set"])
    assert "which has to wait for requests in flight" in data["models"][0]["why"]


def test_an_unknown_architecture_is_bounded(told: Told, tmp_path: Path) -> None:
    """It says so, and is never promised to fit, whether or not there is room for the most that it can take."""
    code, data = told(weigh(tmp_path / "a.gguf", 6, architecture="newest"), "--ctx", 4096, "--host", "rtx4090")
    (model,) = data["models"]
    assert (12, "cannot_say", [], []) == (code, model["verdict"], model["levers"], data["warm_set"])
    assert "cannot be promised to fit" in model["why"]
    assert "upper bound" in model["why"]
    code, _ = told(weigh(tmp_path / "a.gguf", 6, architecture="newest"), "--host", "cpu-16g")
    assert 12 == code
    code, _ = told(weigh(tmp_path / "b.gguf", 20, architecture="newest"), "--host", "cpu-16g")
    assert 11 == code


def test_ollama_is_planned_with_its_own_flags(told: Told, tmp_path: Path) -> None:
    """It picks the context by the machine's VRAM, and a micro-batch by the context."""
    code, data = told(weigh(tmp_path / "a.gguf", 6), "--backend", "ollama", "--host", "rtx4090")
    (model,) = data["models"]
    assert (0, "ollama", 32768 * 128 * 1024) == (code, model["backend"], model["components"]["kv"])
    assert "Ollama picks a context of 32768" in model["why"]


def test_the_table(hostd: Hostd, bare_home: Path) -> None:
    """A line for each model, then why, what would save memory, and the warm set."""
    declare(bare_home, "planner", 12, warm="{priority: 90}")
    declare(bare_home, "coder", 12)
    ran = hostd("plan", "--host", "rtx4090")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert lines[0].startswith("MODEL VERDICT WHERE WEIGHTS KV")
    assert any(line.startswith("coder fits after evicting cuda:0, ram 12.0 GiB 2.0 GiB") for line in lines)
    assert "what would save memory:" in lines
    assert any(line.endswith("GiB kv_type: q4_0") for line in lines)
    assert "warm together: planner" == lines[-1]


@pytest.mark.parametrize(
    ("content", "argv", "code", "said"),
    [
        (None, ["{file}"], 5, "there is no file"),
        (b"GGUF", ["{file}"], 1, "cut short"),
        (b"hello there", ["{file}"], 1, "a text"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 16, ["{file}"], 1, "{file}"),
        (None, ["palnner"], 5, "did you mean 'planner'?"),
        (None, ["hf:a/b"], 1, "not asked"),
        (None, ["hf:"], 5, "no repository"),
        (None, ["ollama:no/such/model/here"], 5, "no model of Ollama's"),
        (None, ["planner", "--host", "rtx4091"], 2, "did you mean 'rtx4090'?"),
        (None, ["planner", "--kv-type", "q9"], 2, "no type for a KV cache"),
        (None, ["planner", "--kv-type", "q4_0", "--flash-attn", "off"], 2, "with flash attention alone"),
        (None, ["planner", "--backend", "vllm"], 2, "no variant for backend vllm"),
        (b"{host: 1}", ["planner", "--host", "{file}"], 78, "pools"),
        (None, ["planner", "--ctx", "-1"], 2, "--ctx"),
        (None, ["planner", "--ctx", "9" * 400], 2, "--ctx"),
        (None, ["planner", "--flash-attn", "perhaps"], 2, "--flash-attn"),
    ],
)
def test_what_cannot_be_planned(
    hostd: Hostd, bare_home: Path, content: bytes | None, argv: list[str], code: int, said: str
) -> None:
    """A sentence, the right exit code, and nothing on stdout."""
    declare(bare_home, "planner", 6)
    file = bare_home / "x.gguf"
    if content is not None:
        file.write_bytes(content)
    ran = hostd("plan", *(word.format(file=file) for word in argv), "--json")
    assert (code, "") == (ran.code, ran.out)
    assert said.format(file=file) in ran.err


def test_bad_configuration(hostd: Hostd, bare_home: Path) -> None:
    """Exit code 78: a plan on half-read files would mislead."""
    declare(bare_home, "planner", 6, slots="many")
    ran = hostd("plan", "--host", "rtx4090")
    assert (78, "") == (ran.code, ran.out)


def test_nothing_declared(hostd: Hostd) -> None:
    """Without models there is nothing to plan."""
    assert 2 == hostd("plan", "--host", "rtx4090").code


@pytest.mark.parametrize("declared", [True, False])
def test_three_models_for_agents_are_warm_together_on_a_mac(
    hostd: Hostd, monkeypatch: pytest.MonkeyPatch, declared: bool
) -> None:
    """27 GB of weights on 64 GB: the past prompts that the engines might keep cost none of them its place, nor the budget.

    The shipped profiles are known by their names where nothing is declared, too.
    """
    config = Path(__file__).parents[3] / "model_profiles" / "presets" / "m2max-64g" / "hostd.yaml"
    names = ["qwen2.5-coder-7b", "qwen3.5-9b", "gemma4-26b"]
    if declared:
        monkeypatch.setenv("HOSTD_CONFIG", str(config))
    ran = hostd("plan", *names, "--host", "m2max-64g", "--json")
    plan = json.loads(ran.out)
    assert (0, sorted(names)) == (ran.code, sorted(plan["warm_set"]))
    most = sum(model["pool_bytes"]["metal"]["high"] for model in plan["models"])
    assert most <= preset("m2max-64g", Reserve()).pools[0].budget
    assert all("for past prompts" in model["why"] for model in plan["models"])
    assert declared is ("profiles that ship with hostd, since none is declared for" not in ran.err)


def test_a_model_that_is_not_out_yet_is_planned_by_its_size(told: Told) -> None:
    """Flagged as an estimate; a size that makes no sense is a wrong use."""
    code, data = told("size:72B/q4_k_m", "--ctx", 32768, "--host", "h100")
    (model,) = data["models"]
    assert (0, "fits", 10 * GIB) == (code, model["verdict"], model["components"]["kv"])
    assert "estimated from its size alone" in model["why"]


def test_experts_on_the_cpu_come_with_a_speed(told: Told, tmp_path: Path) -> None:
    """And with that of the other way, in the sentence; where all is on the card, there is nothing to say."""
    layers = [(f"blk.{at}.{name}.weight", (size,), "i8") for at in range(24)
              for name, size in (("ffn_up_exps", GIB // 2), ("attn_q", GIB // 32))]  # fmt: skip
    keys = {"block_count": 24, "context_length": 4096, "embedding_length": 2880, "attention.head_count": 64,
            "attention.head_count_kv": 8, "expert_count": 32, "expert_used_count": 4, "vocab_size": 1000}  # fmt: skip
    path = tmp_path / "moe.gguf"
    named = {f"qwen3moe.{key}": value for key, value in keys.items()}
    path.write_bytes(stub({"general.architecture": "qwen3moe", **named}, layers))
    code, data = told(path, "--ctx", 4096, "--slots", 1, "--host", "rtx2080-8g")
    why = data["models"][0]["why"]
    assert 0 == code
    assert "experts of" in why
    assert "tokens a second against" in why
    assert "with layers on the CPU, an estimate" in why
    _, whole = told(path, "--ctx", 4096, "--slots", 1, "--host", "rtx5090")
    assert "tokens a second" not in whole["models"][0]["why"]


@pytest.mark.parametrize(
    "flag", ["rpc: 'box:50052'", "device: CUDA1", "lora: /not/here.gguf", "model-draft: /not/here.gguf"]
)
def test_flags_that_are_not_counted_are_named(hostd: Hostd, told: Told, bare_home: Path, flag: str) -> None:
    """With the verdict, the sentence, the table and the exit code of their own."""
    declare(bare_home, "a", 5, args=f"{{{flag}}}")
    code, data = told("a", "--host", "rtx4090")
    (model,) = data["models"]
    assert (12, "cannot_say") == (code, model["verdict"])
    assert f"what {flag.partition(':')[0]} in its args changes" in model["why"]
    ran = hostd("plan", "a", "--host", "rtx4090")
    assert (12, True) == (ran.code, "cannot say" in ran.out)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["folder.gguf"], 5),
        (["empty.gguf"], 1),
        (["cut.gguf"], 1),
        (["pipe.gguf"], 1),
        (["loop.gguf"], 1),
        (["dangling.gguf"], 5),
        (["odd\udcff.gguf"], 0),
        (["m.gguf", "--ctx", "2147483647", "--slots", "2147483647"], 11),
        (["m.gguf", "--ubatch", "2147483647", "--slots", "64", "--ctx", "1"], 0),
        (["m.gguf", "--slots", "0"], 2),
        (["m.gguf", "--ctx", "-1"], 2),
        (["m.gguf", "--host", "nosuch"], 2),
        (["m.gguf", "--host", "/"], 78),
        (["m.gguf", "--host", "empty.gguf"], 78),
        (["x" * 5000], 5),
        (["\x00"], 5),
        (["size:nanB/q4"], 2),
    ],
)
def test_odd_input_ends_in_a_sentence(
    hostd: Hostd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
) -> None:
    """And an exit code; nothing traces back, and a pipe keeps nobody waiting."""
    monkeypatch.chdir(tmp_path)
    whole = weigh(tmp_path / "m.gguf", 1).read_bytes()
    for name, data in (("odd\udcff.gguf", whole), ("cut.gguf", whole[:90]), ("empty.gguf", b"")):
        Path(name).write_bytes(data)
    Path("folder.gguf").mkdir()
    Path("loop.gguf").symlink_to("loop.gguf")
    Path("dangling.gguf").symlink_to("gone.gguf")
    os.mkfifo("pipe.gguf")
    ran = hostd("plan", *(arguments if "--host" in arguments else [*arguments, "--host", "rtx4090"]))
    assert code == ran.code
    assert "Traceback" not in ran.out + ran.err
    assert (ran.err or ran.out).strip()
