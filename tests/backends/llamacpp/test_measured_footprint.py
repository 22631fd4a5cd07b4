"""What a dry run's figures become."""

from dataclasses import replace

from hostd.backends.llamacpp.measured_footprint import footprint_of
from hostd.backends.llamacpp.memory_log import MemoryProjection
from hostd.domain.footprint import Component, Footprint, Span, Tier

MIB = 1 << 20
PREDICTED = Footprint(
    {
        "cuda:0": {
            Component.WEIGHTS: Span.exactly(5 * MIB + 400_000),
            Component.KV: Span.exactly(8 * MIB),
            Component.COMPUTE: Span(10 * MIB, 20 * MIB, 90 * MIB),
            Component.OVERHEAD: Span(150 * MIB, 300 * MIB, 700 * MIB),
        },
        "ram": {Component.COMPUTE: Span(1, 2, 3), Component.OVERHEAD: Span(40 * MIB, 100 * MIB, 400 * MIB)},
    },
    notes=("a note",),
)
SAID = MemoryProjection({"CUDA0": (5 * MIB, 8 * MIB, 30 * MIB), "Host": (MIB, 0, 2 * MIB)}, 8 * MIB, None, {})


def test_the_engine_decides_and_the_header_supplies_what_it_does_not_count() -> None:
    """Weights and caches agree to the byte, scratch memory is the engine's, overhead stays."""
    found = footprint_of(SAID, PREDICTED)
    card = found.parts["cuda:0"]
    assert Tier.ENGINE is found.tier
    assert PREDICTED.parts["cuda:0"][Component.WEIGHTS] == card[Component.WEIGHTS]
    assert Span.exactly(8 * MIB) == card[Component.KV]
    assert Span(30 * MIB, 30 * MIB + MIB // 2, 31 * MIB) == card[Component.COMPUTE]
    assert PREDICTED.parts["ram"][Component.OVERHEAD] == found.parts["ram"][Component.OVERHEAD]
    assert ("a note",) == found.notes


def test_fit_params_overstates_scratch_memory() -> None:
    """It is an upper bound then, and the expected figure stays the header's; a note says so."""
    found = footprint_of(SAID, PREDICTED, loose=True)
    assert Span(10 * MIB, 20 * MIB, 31 * MIB) == found.parts["cuda:0"][Component.COMPUTE]
    assert "upper bound" in found.notes[-1]


def test_a_shared_cache_that_cannot_be_asked_for_is_the_headers() -> None:
    """KV cache and masks are not those of separate slots."""
    found = footprint_of(SAID, PREDICTED, loose=True, kv_from_header=True)
    for part in (Component.KV, Component.COMPUTE):
        assert PREDICTED.parts["cuda:0"][part] == found.parts["cuda:0"][part]
    assert "share one cache" in found.notes[-1]


def test_a_device_that_the_engine_does_not_use_is_noted() -> None:
    """A wheel built for the CPU alone puts everything into main memory, whatever the plan was."""
    found = footprint_of(MemoryProjection({"Host": (5 * MIB, 8 * MIB, MIB)}, 8 * MIB, None, {}), PREDICTED)
    assert Span.exactly(8 * MIB) == found.parts["ram"][Component.KV]
    assert "nothing of cuda:0" in found.notes[-1]


def test_a_projector_comes_on_top_on_the_first_device() -> None:
    """The engine's table does not hold it."""
    bare, more = footprint_of(SAID, PREDICTED), footprint_of(SAID, PREDICTED, projector=900)
    weights = Component.WEIGHTS
    assert 900 == more.parts["cuda:0"][weights].expected - bare.parts["cuda:0"][weights].expected


def test_results_are_kept_on_the_host() -> None:
    """The engine logs their buffer and leaves it out of its table."""
    more = footprint_of(replace(SAID, output=16 * MIB), PREDICTED)
    assert (
        footprint_of(SAID, PREDICTED).component(Component.COMPUTE).low + 16 * MIB
        == more.component(Component.COMPUTE).low
    )


def test_two_cards_share_what_the_engine_says() -> None:
    """Context is split into KV cache and recurrent state card by card."""
    two = MemoryProjection(
        {"CUDA0": (MIB, 6 * MIB, MIB), "CUDA1": (MIB, 5 * MIB, MIB)}, 8 * MIB, 3 * MIB, {"CUDA0": 2 * MIB, "CUDA1": MIB}
    )
    found = footprint_of(two, Footprint({}))
    assert [2 * MIB, MIB] == [found.parts[card][Component.RECURRENT].expected for card in ("cuda:0", "cuda:1")]
    assert [4 * MIB, 4 * MIB] == [found.parts[card][Component.KV].low for card in ("cuda:0", "cuda:1")]


def test_the_table_alone_does_not_tell_states_from_caches() -> None:
    """Then the header does."""
    states = {Component.KV: Span.exactly(4 * MIB), Component.RECURRENT: Span.exactly(MIB + 40_000)}
    found = footprint_of(MemoryProjection({"Host": (MIB, 5 * MIB, MIB)}, None, None, {}), Footprint({"ram": states}))
    assert states == {part: found.parts["ram"][part] for part in states}


def test_an_unknown_architecture_is_known_to_the_engine() -> None:
    """Its bounds give way to what the engine says: it keeps no state here."""
    bound = {Component.KV: Span(0, 9 * MIB, 9 * MIB), Component.RECURRENT: Span(0, MIB, MIB)}
    found = footprint_of(
        MemoryProjection({"Host": (MIB, 8 * MIB, MIB)}, 8 * MIB, None, {}), Footprint({"ram": bound}, bounded_only=True)
    )
    assert Span.exactly(8 * MIB) == found.parts["ram"][Component.KV]
    assert Component.RECURRENT not in found.parts["ram"]
    assert not found.bounded_only
