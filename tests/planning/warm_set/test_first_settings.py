"""First settings: they fit, and they are the most that fits."""

from dataclasses import replace

import pytest

from hostd.domain.host import Host, Reserve
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.domain.ticket import Task
from hostd.hardware.simulated import preset
from hostd.planning.footprint.llamacpp_serving import Serving
from hostd.planning.warm_set.first_settings import (
    FirstSettings,
    ServableModel,
    best_packed,
    find_first_settings,
    warm_together,
)
from hostd.planning.warm_set.load_option import excess, pool_budgets

GIB = 2**30
CARD = preset("rtx4090", Reserve())


def model(gib: float, *, context: int = 131072, packing: str = "Q4_K_M") -> Shape:
    """Return a model of that size that keeps 128 KiB per token."""
    layer = Layer(LayerKind.FULL, 32, 8, 128, 128, dense_bytes=int(gib * GIB / 32))
    tables = Tables(output=1)
    return Shape(
        "llama", "m", (layer,) * 32, heads=32, embedding=4096, vocabulary=1000, context=context, feed_forward=14336,
        tables=tables, quantisation=packing,
    )  # fmt: skip


def serve(context: int, slots: int) -> Serving:
    """Serve as hostd would."""
    return Serving(context=context * slots, slots=slots, unified=False, cache_ram=0, checkpoints=0)


def start(shape: Shape, host: Host = CARD, task: Task = Task.TEXT) -> FirstSettings | None:
    """Return the start on an empty machine."""
    return find_first_settings(shape, serve, host, pool_budgets(host), makes_text=task is Task.TEXT)


@pytest.mark.parametrize(
    ("gib", "context", "slots"), [(5, 32768, 2), (15, 32768, 1), (18, 16384, 1), (20.5, 8192, 1), (21, 4096, 1)]
)
def test_context_comes_before_slots(gib: float, context: int, slots: int) -> None:
    """Of 22.5 GiB, the weights leave so much for the tokens."""
    found = start(model(gib))
    assert found is not None
    assert (context, slots, None) == (found.context, found.slots, found.gpu_layers)
    assert {} == excess(found.option.needs, pool_budgets(CARD))


@pytest.mark.parametrize(("trained", "context"), [(40960, 32768), (10000, 8192), (2048, 2048), (512, 512), (0, 2048)])
def test_no_more_context_than_the_model_was_trained_for(trained: int, context: int) -> None:
    """Contexts are powers of two."""
    found = start(model(5, context=trained))
    assert found is not None
    assert context == found.context


def test_embedding_needs_one_slot() -> None:
    """Its requests are short."""
    found = start(model(1), task=Task.EMBEDDINGS)
    assert found is not None
    assert 1 == found.slots


def test_what_is_larger_than_the_card_is_split_with_the_host() -> None:
    """As many layers as fit are on the card, with a context that leaves room."""
    found = start(model(30))
    assert found is not None
    assert found.gpu_layers is not None
    assert 15 < found.gpu_layers < 30
    assert 8192 == found.context


def test_what_is_larger_than_the_machine_fits_nowhere() -> None:
    """No settings help."""
    assert None is start(model(100))
    assert None is start(model(60), preset("m2max-64g", Reserve()))


def ready(name: str, gib: float, *, packing: str = "Q4_K_M", task: Task = Task.TEXT) -> ServableModel:
    """Return a model that can be served on the card."""
    shape = replace(model(gib, packing=packing), name=name)
    found = start(shape, task=task)
    assert found is not None
    return ServableModel(name, shape, found, task)


def test_the_most_precise_copy_with_the_most_context_is_served() -> None:
    """A copy that is not packed at all is slow, and one that leaves little context is of little use."""
    q4, q6, q8, full = (
        ready("a", 9),
        ready("b", 13, packing="Q6_K"),
        ready("c", 20, packing="Q8_0"),
        ready("d", 9.5, packing="F16"),
    )
    assert ["b", "b", "a", "d"] == [
        best_packed(copies).name for copies in ([q4, q6, q8, full], [q8, q6], [full, q4], [full])
    ]


def test_the_largest_that_chats_is_warm_first() -> None:
    """Then one embedding model, the smallest, and whatever still fits."""
    models = [
        ready("small", 1),
        ready("large", 9),
        ready("vectors", 0.5, task=Task.EMBEDDINGS),
        ready("more", 0.6, task=Task.EMBEDDINGS),
    ]
    needs = {each.name: each.start.option.needs["cuda:0"] for each in models}

    def warm(*names: str) -> frozenset[str]:
        free = sum(needs[name] for name in names)
        return warm_together(models, CARD, pool_budgets(CARD) | {"cuda:0": free})

    assert {"large"} == warm("large")
    assert {"large", "vectors"} == warm("large", "more")
    assert {"large", "vectors", "small"} == warm("large", "vectors", "small")
    assert frozenset() == warm_together([], CARD, pool_budgets(CARD))
