"""A house to replay in: a card of 24 GB, and five models of which two large ones never fit together."""

from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Capabilities, Limits, Profile, Variant, Warmth
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import Choice
from hostd.simulation.host_model import House, Speed, Tenant

GIB = 2**30
CARD = "cuda:0"


def tenant(name: str, gib: float, *, slots: int = 2, output: float = 60.0, embeddings: bool = False) -> Tenant:
    """Return a model that takes *gib* GiB, read from a drive at 2 GB/s."""
    size = int(gib * GIB)
    profile = Profile(
        name,
        (Variant("llamacpp", path=f"{name}.gguf"),),
        slots=slots,
        limits=Limits(max_concurrent=slots, queue_timeout=120.0),
        warm=Warmth(preload=False),
        capabilities=Capabilities(embeddings=embeddings),
    )
    choice = Choice(
        0, f"llamacpp:{name}.gguf", Placement.on(CARD), needs={CARD: size}, load_seconds=1.5 + 0.85 * size / 2e9
    )
    return Tenant(profile, (choice,), (Speed(prompt=40.0 * output, output=output),))


def house(*tenants: Tenant, gib: float = 22.5) -> House:
    """Return a house with a card of which models may have *gib* GiB."""
    budget = int(gib * GIB)
    card = Pool(CARD, PoolKind.VRAM, "a card", budget + GIB, budget + GIB, budget)
    return House((card,), {each.name: each for each in tenants})


def usual() -> House:
    """Return the house of the comparisons: what somebody with one such card has, large models at long contexts above all."""
    return house(
        tenant("coder", 18.5, slots=4, output=110.0),
        tenant("planner", 17.0, slots=4, output=40.0),
        tenant("writer", 9.5, slots=4, output=70.0),
        tenant("reviewer", 8.0, slots=4, output=85.0),
        tenant("fast", 2.5, slots=4, output=180.0),
        tenant("vectors", 1.0, slots=4, output=400.0, embeddings=True),
    )
