"""The machine of a day of agents: a Mac as `hostd init --preset m2max-64g --cloud anthropic` declares it, and its speeds."""

from pathlib import Path

from hostd.cli.init_files import files_of_preset
from hostd.config.load import load
from hostd.config.starter_roles import CloudStart
from hostd.domain.profile import Profile, Role, Settings
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.simulation.host_model import SimulatedHost, SimulatedModel, SimulatedSpeed
from tests.simulation.example_hosts import CARD, GIB, host_of

PRESET = "m2max-64g"
BUDGET = 51.8
"""GiB that macOS gives to graphics of 64."""
KEY = {"ANTHROPIC_API_KEY": "sk-anything"}
CLOUD = CloudStart("anthropic", "ANTHROPIC_API_KEY")
SIX = ("chat", "orchestrator", "engineer", "research", "writer", "utility")
SPEEDS = {"gemma4-26b": (17.0, 55.0), "qwen3.5-9b": (9.0, 45.0), "qwen2.5-coder-7b": (7.0, 60.0)}
"""GiB, and tokens a second of an answer, as they are assumed of an M2 Max; prompts are read twelve times as fast."""
AWAY = (5000.0, 80.0)
"""Tokens a second of a provider's prompts and answers."""


def declared(folder: Path) -> Settings:
    """Return what is declared, by files in *folder*."""
    for path, text in files_of_preset(PRESET, CLOUD).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return load(folder / "hostd.yaml", KEY)


def six_roles(settings: Settings) -> list[Role]:
    """Return the roles that agents ask for."""
    return [settings.roles[name] for name in SIX]


def simulated(settings: Settings) -> SimulatedHost:
    """Return the machine, with the provider's model as one that takes none of its memory."""
    return host_of(*map(_model, settings.profiles.values()), gib=BUDGET)


def _model(profile: Profile) -> SimulatedModel:
    if profile.name in SPEEDS:
        gib, output = SPEEDS[profile.name]
        size, prompt = int(gib * GIB), 12 * output
    else:
        size, (prompt, output) = 0, AWAY
    label = f"{profile.variants[0].backend}:{profile.name}"
    needs = {CARD: size} if size else {}
    option = LoadOption(0, label, Placement.on(CARD), needs=needs, load_seconds=0.1 + size / 2e9)
    return SimulatedModel(profile, (option,), (SimulatedSpeed(prompt, output),))
