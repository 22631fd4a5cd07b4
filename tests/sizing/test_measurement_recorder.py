"""What a load really took is kept under the key by which the next prediction asks."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.backends.llamacpp.serving_config import profile_serving
from hostd.demo import settings_file
from hostd.domain.errors import HostdError
from hostd.domain.footprint import Component, Tier
from hostd.domain.profile import Profile, Variant
from hostd.models.local import open_path
from hostd.planning.footprint.calibration import Observation, correct, serving_key
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.sizing.measurement_recorder import MeasurementRecorder
from hostd.sizing.measurements import MeasurementStore, split

MODEL = settings_file().parent / "models" / "tiny-chat.gguf"
LOG = [
    "0.00.012.000 I load_tensors:   CPU_Mapped model buffer size =     2.00 MiB",
    "0.00.013.000 I llama_kv_cache:        CPU KV buffer size =     4.00 MiB",
    "0.00.014.000 I llama_context:        CPU compute buffer size =     6.50 MiB",
]


@pytest.fixture
def profile() -> Profile:
    """The demonstration's model."""
    return Profile("tiny", (Variant("llamacpp", path=str(MODEL)),), context=2048, slots=2)


@pytest.fixture
def store() -> MeasurementStore:
    """An empty store."""
    return MeasurementStore()


def test_the_next_prediction_is_what_was_measured(profile: Profile, store: MeasurementStore) -> None:
    """After two loads that held 50 MiB, the third is expected to hold 50 MiB."""
    held = 50 << 20
    for _ in range(2):
        MeasurementRecorder(store).record(profile, profile.variants[0], LOG, held)
    header = open_path(MODEL)
    serving = profile_serving(profile, header.path)
    key = serving_key(header.identity, serving, Placement())
    predicted = footprint(header.shape, serving, Placement())
    corrected = correct(predicted, key, store.about(key))
    assert Tier.MEASURED is corrected.tier
    assert held == pytest.approx(corrected.pool("ram").expected, rel=0.02)
    assert 4 << 20 == corrected.component(Component.KV).expected


def test_another_context_is_another_key(profile: Profile, store: MeasurementStore) -> None:
    """What was measured with one context says less of another, but says it."""
    MeasurementRecorder(store).record(profile, profile.variants[0], LOG, 50 << 20)
    serving = profile_serving(replace(profile, context=1024), MODEL)
    key = serving_key(open_path(MODEL).identity, serving, Placement())
    (seen,) = store.about(key)
    assert 0 < key.weight(seen.key) < 1


def test_skips_variants_whose_memory_cannot_be_computed(profile: Profile, store: MeasurementStore) -> None:
    """Other engines' variants, and those without a file, are no mistake."""
    for variant in (Variant("ollama", tag="tiny"), Variant("llamacpp", hf="a/b", file="c.gguf")):
        MeasurementRecorder(store).record(profile, variant, LOG, 1)


def test_a_model_that_cannot_be_read_is_an_error(profile: Profile, store: MeasurementStore, tmp_path: Path) -> None:
    """Its owner is told; nothing is recorded."""
    (tmp_path / "no.gguf").write_bytes(b"GGUF")
    with pytest.raises(HostdError):
        MeasurementRecorder(store).record(profile, Variant("llamacpp", path=str(tmp_path / "no.gguf")), LOG, 1)


def test_loads_that_are_measured_at_once_are_all_kept(profile: Profile) -> None:
    """Each engine is measured in a thread of its own."""
    kept: list[Observation] = []
    book = MeasurementRecorder(MeasurementStore(keep=kept.append))
    profiles = [replace(profile, name=f"tiny{number}", context=256 * number) for number in range(1, 9)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda each: book.record(each, each.variants[0], LOG, 50 << 20), profiles))
    assert 8 == len({each.key for each in kept}) == len(kept)


def test_an_engine_that_sees_one_card_only_calls_it_the_first(profile: Profile, store: MeasurementStore) -> None:
    """What it counts there is kept under the card's own number, and apart where not all layers went there."""
    log = [
        "0.00.011.000 I load_tensors: offloaded 2/5 layers to GPU",
        "0.00.012.000 I load_tensors:        CUDA0 model buffer size =     1.00 MiB",
    ]
    placement = Placement.on("cuda:1")
    option = LoadOption(0, "m", placement, 2, {"cuda:1": 1})
    MeasurementRecorder(store).record(profile, profile.variants[0], log, 1 << 20, option)
    serving = profile_serving(profile, MODEL)
    key = serving_key(open_path(MODEL).identity, split(serving, placement, 2), placement)
    (seen,) = store.about(key)
    assert (key, {"cuda:1": {Component.WEIGHTS: 1 << 20}}) == (seen.key, seen.measured)
