"""A host to replay on: a card of 24 GB, and five models of which two large ones never fit together."""

from dataclasses import replace

from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Capabilities, Limits, Profile, Variant, WarmSettings
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.simulation.host_model import SimulatedHost, SimulatedModel, SimulatedSpeed

GIB = 2**30
CARD = "cuda:0"


def model_of(
    name: str, gib: float, *, slots: int = 2, output: float = 60.0, embeddings: bool = False
) -> SimulatedModel:
    """Return a model that takes *gib* GiB, read from a drive at 2 GB/s."""
    size = int(gib * GIB)
    profile = Profile(
        name,
        (Variant("llamacpp", path=f"{name}.gguf"),),
        slots=slots,
        limits=Limits(max_concurrent=slots, queue_timeout=120.0),
        warm=WarmSettings(preload=False),
        capabilities=Capabilities(embeddings=embeddings),
    )
    option = LoadOption(
        0, f"llamacpp:{name}.gguf", Placement.on(CARD), needs={CARD: size}, load_seconds=1.5 + 0.85 * size / 2e9
    )
    return SimulatedModel(profile, (option,), (SimulatedSpeed(prompt=40.0 * output, output=output),))


def host_of(*models: SimulatedModel, gib: float = 22.5) -> SimulatedHost:
    """Return a host with a card of which models may have *gib* GiB."""
    budget = int(gib * GIB)
    card = Pool(CARD, PoolKind.VRAM, "a card", budget + GIB, budget + GIB, budget)
    return SimulatedHost((card,), {each.name: each for each in models})


def usual(queue_timeout: float = 120.0) -> SimulatedHost:
    """Return the host of the comparisons: one such card, with large models at long contexts above all."""
    host = host_of(
        model_of("coder", 18.5, slots=4, output=110.0),
        model_of("planner", 17.0, slots=4, output=40.0),
        model_of("writer", 9.5, slots=4, output=70.0),
        model_of("reviewer", 8.0, slots=4, output=85.0),
        model_of("fast", 2.5, slots=4, output=180.0),
        model_of("vectors", 1.0, slots=4, output=400.0, embeddings=True),
    )
    return replace(host, models={name: _hurried(model, queue_timeout) for name, model in host.models.items()})


def _hurried(model: SimulatedModel, queue_timeout: float) -> SimulatedModel:
    limits = replace(model.profile.limits, queue_timeout=queue_timeout)
    return replace(model, profile=replace(model.profile, limits=limits))
