"""The profiles and the presets that ship with hostd are valid, tell the truth about themselves, and fit where they say."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.backends.llamacpp.serving_config import profile_serving
from hostd.cli.app import run
from hostd.config.load import load
from hostd.domain.host import Reserve
from hostd.domain.profile import Profile, Settings
from hostd.domain.shape import Shape
from hostd.hardware.simulated import preset
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.formats.shape_outline import outline
from hostd.planning.warm_set.load_option import pool_budgets

SHIPPED = Path(__file__).parents[1] / "model_profiles"
NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
SHAPES = sorted(path.stem for path in (SHIPPED / "shapes").glob("*.json"))
PRESETS = sorted(path.name for path in (SHIPPED / "presets").iterdir())
ASKED_FOR = {
    *("qwen3.5-2b", "qwen3.5-9b", "qwen3.5-14b", "qwen3.5-72b", "qwen2.5-coder-7b", "gemma4-26b", "llama4-scout"),
    *("llama4-maverick", "gpt-oss-20b", "nomic-embed-text"),
}
OF_THE_SAME_SIZE = {"rtx4090": ("rtx3090",), "l40s": ("a6000",), "m2max-64g": ("m4max-64g",)}
GIB = 2**30
SIX = ("chat", "orchestrator", "engineer", "research", "writer", "utility")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """All shipped profiles together, read as the owner's own would be."""
    file = tmp_path_factory.mktemp("owner") / "hostd.yaml"
    file.write_text(f"profiles: {json.dumps(str(SHIPPED))}\n", "utf-8")
    return load(file, {})


def numbers(name: str) -> dict[str, Any]:
    """Return the numbers that ship with a profile."""
    found: dict[str, Any] = json.loads((SHIPPED / "shapes" / f"{name}.json").read_text("utf-8"))
    return found


def shape(name: str) -> Shape:
    """Return the shape that these numbers describe."""
    return outline(numbers(name), name)


def test_they_are_valid_together(shipped: Settings) -> None:
    """No problem in any file, no alias twice, and each file is called as its profile."""
    assert set(NAMES) == set(shipped.profiles)
    assert ASKED_FOR <= set(NAMES)
    assert len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_each_leaves_the_choice_to_the_owner(shipped: Settings, name: str) -> None:
    """Nothing is loaded at boot, nothing costs money, and nothing names a file of one machine."""
    profile = shipped.profiles[name]
    assert (False, None) == (profile.warm.preload, profile.price)
    assert {None} == {variant.path for variant in profile.variants}
    assert {"llamacpp", "vllm", "ollama"} <= {variant.backend for variant in profile.variants}
    assert profile.capabilities.embeddings or "mlx" in {variant.backend for variant in profile.variants}


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_can_do(shipped: Settings, name: str) -> None:
    """Every capability is declared, or tools left to a probe; and a fallback can do what the profile can."""
    able = shipped.profiles[name].capabilities
    assert None not in (able.vision, able.thinking)
    assert (able.tools is None) == ("tools: auto" in (SHIPPED / f"{name}.yaml").read_text("utf-8"))
    others = [shipped.profiles[fallback.to].capabilities for fallback in shipped.profiles[name].fallback]
    assert all(not other.embeddings and (other.tools is not False or not able.tools) for other in others)
    assert not (able.embeddings and others)


@pytest.mark.parametrize("name", NAMES)
def test_each_begins_with_its_numbers_or_says_that_there_are_none(name: str) -> None:
    """The comment names the weights' source and size; a model of which nothing could be found is called not verified."""
    comment = (SHIPPED / f"{name}.yaml").read_text("utf-8").partition("name:")[0]
    text = " ".join(line.removeprefix("# ") for line in comment.splitlines())
    assert "Weights: https://huggingface.co/" in text
    if name in SHAPES:
        assert re.search(r"\b(\d+) layers", text)[1] == str(len(shape(name).layers))  # type: ignore[index]  # it is there
        assert re.search(r": (about )?[\d.]+ [GM]B\.", text)
    else:
        assert f"{'not verified'}. The family" in text


@pytest.mark.parametrize("name", SHAPES)
def test_its_numbers_are_those_of_its_file(shipped: Settings, name: str) -> None:
    """The architecture is known, the file is the first variant's, and no more context is asked for than it was trained for."""
    told, profile = shape(name), shipped.profiles[name]
    assert told.known
    assert (numbers(name)["hf"], numbers(name)["file"]) == (profile.variants[0].hf, profile.variants[0].file)
    assert told.file_bytes == told.weight_bytes
    assert profile.context is not None
    assert profile.context <= told.context


@pytest.mark.parametrize(
    ("name", "kib"),
    [
        *(("qwen3.5-2b", 12), ("qwen3.5-9b", 32), ("qwen3.5-27b", 64), ("qwen3.5-35b-a3b", 20), ("gemma4-26b", 20)),
        *(("qwen2.5-coder-7b", 56), ("qwen3-30b-a3b", 96), ("qwen3-coder-30b", 96), ("llama3.1-8b", 128)),
        *(("llama3.3-70b", 320), ("mistral-small-24b", 160), ("devstral-24b", 160), ("deepseek-r1-14b", 192)),
        *(("phi4-14b", 200), ("qwen3-embedding-0.6b", 112)),
    ],
)
def test_the_comment_and_the_numbers_agree(name: str, kib: int) -> None:
    """What a token takes at f16 is computed from the numbers, and said in the comment."""
    full = [layer for layer in shape(name).layers if layer.kind == "full"]
    assert kib * 1024 == sum(2 * (layer.key_elements + layer.value_elements) for layer in full)
    text = " ".join((SHIPPED / f"{name}.yaml").read_text("utf-8").replace("\n# ", " ").split())
    assert f"{kib} KiB a token" in text


def taken(profile: Profile, placement: Placement) -> dict[str, int]:
    """Return the most that serving a profile takes of each pool."""
    serving = profile_serving(profile, None)
    if profile.capabilities.embeddings and shape(profile.name).encoder:
        serving = replace(serving, batch=serving.context, ubatch=serving.context)
    found = footprint(shape(profile.name), serving, placement)
    return {pool: found.pool(pool).high for pool in found.parts}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fits_its_machine(name: str) -> None:
    """Everything warm at once, at the high ends, spread over all cards; on every machine of that size."""
    settings = load(SHIPPED / "presets" / name / "hostd.yaml", {})
    assert all(profile.warm.preload and profile.warm.keep_alive == 1800.0 for profile in settings.profiles.values())
    for machine in (name, *OF_THE_SAME_SIZE.get(name, ())):
        host = preset(machine, Reserve())
        placement = Placement.on(*(pool.id for pool in host.accelerators))
        total: dict[str, int] = {}
        for profile in settings.profiles.values():
            for pool, most in taken(profile, placement).items():
                total[pool] = total.get(pool, 0) + most
        assert {} == {pool: most for pool, most in total.items() if most > pool_budgets(host)[pool]}, machine


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_profiles_are_the_shipped_ones(shipped: Settings, name: str) -> None:
    """Same weights and abilities; only how much of them is kept warm is the machine's own. Roles lead to them alone."""
    settings = load(SHIPPED / "presets" / name / "hostd.yaml", {})
    for profile in settings.profiles.values():
        like = shipped.profiles[profile.name]
        assert set(profile.variants) <= set(like.variants)
        assert (like.aliases, like.capabilities) == (profile.aliases, profile.capabilities)
    assert {"planner", "coder", "fast", "auto", *SIX} == set(settings.roles)
    assert settings.roles["auto"].suffices
    assert {"chat", "orchestrator", "utility"} == {each.name for each in settings.roles.values() if each.thinking}


def test_the_mac_holds_the_three_models_of_an_agent() -> None:
    """27 GB of weights, of 64, for half an hour after their last use."""
    settings = load(SHIPPED / "presets/m2max-64g/hostd.yaml", {})
    assert {"qwen3.5-9b", "qwen2.5-coder-7b", "gemma4-26b"} == set(settings.profiles)
    assert 27 == sum(shape(name).weight_bytes for name in settings.profiles) // 10**9


TABLES = (SHIPPED / "README.md").read_text("utf-8")
BY_SIZE = re.findall(r"^\| [^|]* \| ([^|]*) \| (size:\S+) \| (\S+) GB \| (\S+) GB \|$", TABLES, re.MULTILINE)
BY_PROFILE = re.findall(r"^\| (\S+) \| (\S+) GB \| (\S+) GB \| (\S+) GB \|$", TABLES, re.MULTILINE)


@pytest.fixture
def planned(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[float, float, float]]:
    """What a command line's plan says of weights, of cache and state, and of all, in GB."""
    (tmp_path / "hostd.yaml").write_text(f"profiles: {json.dumps(str(SHIPPED))}\n", "utf-8")
    monkeypatch.setenv("HOSTD_CONFIG", str(tmp_path / "hostd.yaml"))
    monkeypatch.setenv("HOSTD_OFFLINE", "1")

    def plan(*words: str) -> tuple[float, float, float]:
        assert 0 == run(("plan", *words, "--json"))
        (model,) = json.loads(capsys.readouterr().out)["models"]
        parts = model["components"]
        in_all = sum(span["expected"] for span in model["pool_bytes"].values())
        return parts["weights"] / 1e9, (parts["kv"] + parts["recurrent"]) / 1e9, in_all / 1e9

    return plan


@pytest.mark.parametrize(("said", "name", "weights", "in_all"), BY_SIZE, ids=[row[1] for row in BY_SIZE])
def test_the_table_of_sizes(
    said: str, name: str, weights: str, in_all: str, planned: Callable[..., tuple[float, float, float]]
) -> None:
    """It says what a plan says, within what builds of engines differ by, and is near the figures that go around."""
    found, _, whole = planned(name, "--ctx", "4096", "--slots", "1", "--host", "m3ultra-256g")
    assert abs(found / float(weights) - 1) < 0.005
    assert abs(whole / float(in_all) - 1) < 0.01
    figure = float(said.removeprefix("about ").removesuffix(" GB"))
    assert min(abs(found / figure - 1), abs(whole / figure - 1)) < 0.05


@pytest.mark.parametrize(("name", "weights", "cache", "in_all"), BY_PROFILE, ids=[row[0] for row in BY_PROFILE])
def test_the_table_of_profiles(
    name: str, weights: str, cache: str, in_all: str, planned: Callable[..., tuple[float, float, float]]
) -> None:
    """It says what a plan says of the profiles as they ship."""
    found = planned(name, "--host", "8xh100")
    for told, counted in zip((weights, cache, in_all), found, strict=True):
        assert abs(counted / float(told) - 1) < 0.01


def test_the_tables_are_whole() -> None:
    """Every size that people compare by, and profiles beside them."""
    assert ["2B", "9B", "14B", "72B", "109B-a17B", "400B-a17B"] == [row[1][5:].split("/")[0] for row in BY_SIZE]
    assert {"qwen3.5-2b", "qwen3.5-9b", "llama4-scout", "llama4-maverick"} <= {row[0] for row in BY_PROFILE}


ROLES = re.findall(r"^\| (\w+) \| (no|as asked) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", TABLES, re.MULTILINE)


@pytest.mark.parametrize(("role", "thinks", "models"), [(row[0], row[1], row[2:]) for row in ROLES])
def test_the_table_of_roles_is_what_presets_declare(role: str, thinks: str, models: tuple[str, ...]) -> None:
    """Each begins with the model that the table names, and thinks or not."""
    for name, model in zip(("rtx4090", "l40s", "m2max-64g", "3xh100"), models, strict=True):
        declared = load(SHIPPED / "presets" / name / "hostd.yaml", {}).roles[role]
        assert (declared.use[0], declared.thinking is not None) == (model, thinks == "no"), name


def test_the_table_has_all_six_roles() -> None:
    """None is left out."""
    assert {row[0] for row in ROLES} == set(SIX)
