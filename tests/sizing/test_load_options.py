"""From a profile and a host to the options that the scheduler chooses among."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.backends.contract import Backend
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.domain.profile import Profile, Variant
from hostd.hardware.simulated import preset
from hostd.models.locations import ModelLocations
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD
from hostd.sizing.load_options import START_SECONDS, LoadOptionFinder
from tests.cli.models import GIB, weigh
from tests.models.weights import checkpoint
from tests.planning.stub import stub

CARD, PAIR = preset("rtx4090", Reserve()), preset("2xrtx3090", Reserve())
PROCESSOR = Host("Linux", "a processor", 64 * GIB, (Pool("ram", PoolKind.RAM, "", 64 * GIB, 60 * GIB, 60 * GIB),))


def finder(
    folder: Path, engines: Mapping[str, Backend] | None = None, seconds: float | None = None
) -> LoadOptionFinder:
    """Return one that knows nothing but what is in *folder*."""
    places = ModelLocations(folder / "headers", folder / "hub", offline=False)
    return LoadOptionFinder(places, engines, load_seconds=lambda *_: seconds)


def profile(*variants: Variant) -> Profile:
    """Return a profile."""
    return Profile("a", variants, context=4096, slots=2)


def gguf(folder: Path, name: str, gib: float, architecture: str = "llama") -> Variant:
    """Return a variant with weights of *gib* GiB."""
    return Variant("llamacpp", path=str(weigh(folder / name, gib, architecture=architecture)))


def test_a_card_holds_all_of_it(tmp_path: Path) -> None:
    """Its needs are the most that it takes, and it is expected to take less."""
    (option,) = finder(tmp_path).find(profile(gguf(tmp_path, "m.gguf", 4)), CARD).options
    assert (0, "llamacpp:m.gguf", (("cuda:0", 1.0),), None) == (
        option.variant,
        option.label,
        option.placement.devices,
        option.gpu_layers,
    )
    assert {"cuda:0", "ram"} == set(option.needs)
    assert 4 * GIB < option.expected["cuda:0"] < option.needs["cuda:0"] < 8 * GIB
    assert {} == option.transient


def test_each_card_comes_before_a_split(tmp_path: Path) -> None:
    """And what fits on no single card has the split alone."""
    small, large = gguf(tmp_path, "s.gguf", 4), gguf(tmp_path, "l.gguf", 30)
    found = finder(tmp_path).find(profile(small, large), PAIR).options
    assert [
        (0, ("cuda:0",)),
        (0, ("cuda:1",)),
        (0, ("cuda:0", "cuda:1")),
        (1, ("cuda:0", "cuda:1")),
    ] == [(each.variant, tuple(pool for pool, _ in each.placement.devices)) for each in found]


def test_only_what_fits_on_no_cards_is_shared_with_the_host(tmp_path: Path) -> None:
    """As many layers as fit, then none at all; both within what models may hold."""
    partly, none = finder(tmp_path).find(profile(gguf(tmp_path, "m.gguf", 30)), CARD).options
    assert partly.gpu_layers is not None
    assert 0 < partly.gpu_layers < 33
    assert (0, ()) == (none.gpu_layers, none.placement.devices)
    budgets = {pool.id: pool.budget for pool in CARD.pools}
    assert all(need <= budgets[pool] for option in (partly, none) for pool, need in option.needs.items())


def test_graphics_that_were_not_measured_are_left_to_the_engine(tmp_path: Path) -> None:
    """Main memory is what a plan counts, but the engine is not kept from a device of which only the numbers are lacking."""
    host = replace(PROCESSOR, unmeasured=("the Intel graphics at 0000:03:00.0",))
    variants = gguf(tmp_path, "m.gguf", 4), Variant("vllm", path=str(checkpoint(tmp_path / "model")))
    found = finder(tmp_path).find(profile(*variants), host)
    first, second = found.options
    assert ({"ram"}, False) == (set(first.needs), first.hides)
    assert (1, {}, False) == (second.variant, second.needs, second.hides)
    assert [True] == ["0000:03:00.0 is not measured" in note for note in found.notes]
    assert [True] == [each.hides for each in finder(tmp_path).find(profile(*variants), PROCESSOR).options]


def test_a_slice_of_a_card_brings_its_uuid(tmp_path: Path) -> None:
    """Engines are shown it by that name."""
    (card, *rest) = CARD.pools
    host = replace(CARD, pools=(replace(card, id="cuda:0:mig0", facts=(("uuid", "MIG-1"),)), *rest))
    (option, *_) = finder(tmp_path).find(profile(gguf(tmp_path, "m.gguf", 4)), host).options
    assert {"cuda:0:mig0": "MIG-1"} == option.slices
    assert ["cuda:0:mig0"] == [pool for pool, _ in option.placement.devices]


def test_a_machine_without_accelerators_uses_its_memory(tmp_path: Path) -> None:
    """There is one place only."""
    (option,) = finder(tmp_path).find(profile(gguf(tmp_path, "m.gguf", 4)), PROCESSOR).options
    assert ((), {"ram"}) == (option.placement.devices, set(option.needs))


def test_unified_memory_is_one_pool(tmp_path: Path) -> None:
    """Nothing is asked of main memory beside it."""
    mac = preset("m2max-64g", Reserve())
    (option,) = finder(tmp_path).find(profile(gguf(tmp_path, "m.gguf", 4)), mac).options
    assert ("metal", {"metal"}) == (option.placement.host, set(option.needs))


def test_a_split_that_was_declared_is_the_only_one(tmp_path: Path) -> None:
    """One card too few is not what the owner wants."""
    variant = Variant("vllm", path=str(checkpoint(tmp_path / "model")), tensor_parallel=2)
    free = replace(variant, tensor_parallel="auto")
    found = finder(tmp_path).find(Profile("a", (variant, free), context=64), PAIR).options
    assert [2, 1, 1, 2] == [len(each.placement.devices) for each in found]


def test_what_cannot_be_is_left_out_with_its_reason(tmp_path: Path) -> None:
    """A note where other variants remain; the answer where none does, with what the best one would take."""
    huge, gone = gguf(tmp_path, "h.gguf", 300), Variant("llamacpp", path=str(tmp_path / "gone.gguf"))
    there = gguf(tmp_path, "m.gguf", 4)
    none = finder(tmp_path).find(profile(huge, gone), CARD)
    assert [0] == [option.variant for option in none.options]
    assert none.options[0].needs["cuda:0"] > CARD.pools[0].budget
    assert none.why_not is not None
    assert "llamacpp:h.gguf: it may take 302 GiB of cuda:0, where models may hold 22.5 GiB in all" in none.why_not
    assert f"llamacpp:gone.gguf: there is no file {tmp_path / 'gone.gguf'}" in none.why_not
    some = finder(tmp_path).find(profile(huge, gone, there), CARD)
    assert ([2], None) == ([each.variant for each in some.options], some.why_not)
    assert ["left out: llamacpp:h.gguf", "left out: llamacpp:gone.gguf"] == [
        note[:-1].split(": it")[0].split(": there")[0] for note in some.notes
    ]


def test_an_unknown_architecture_counts_by_its_bounds(tmp_path: Path) -> None:
    """They are cut off at the whole machine, which may be enough after all."""
    small, large = (gguf(tmp_path, f"{gib}.gguf", gib, architecture="novel") for gib in (4, 100))
    found = finder(tmp_path).find(profile(small, large), CARD).options
    assert [0, 1] == [each.variant for each in found]
    assert 4 * GIB < found[0].needs["cuda:0"] < CARD.accelerators[0].budget
    assert CARD.accelerators[0].budget == found[1].needs["cuda:0"]


def test_what_runs_elsewhere_needs_nothing(tmp_path: Path) -> None:
    """Another server's models, another machine's, and those of engines that hostd does not know."""
    kinds = (
        Variant("openai", url="http://127.0.0.1:1/v1", model="m"),
        Variant("ollama", url="http://192.0.2.1:11434", tag="m:1b"),
        Variant("novel", path="/m"),
    )
    found = finder(tmp_path).find(profile(*kinds), CARD).options
    assert [({}, 0.0)] * 3 == [(each.needs, each.load_seconds) for each in found]


def test_a_model_that_was_never_seen_may_still_be_served(tmp_path: Path) -> None:
    """Its engine fetches it; no hub is asked meanwhile, and the owner reads how to have it computed."""
    found = finder(tmp_path).find(profile(Variant("vllm", hf="owner/model")), CARD)
    assert [({}, UNMEASURED_LOAD)] == [(each.needs, each.load_seconds) for each in found.options]
    assert (
        "vllm:model: what it takes is not known, for its header is not on this machine; hostd plan a fetches it",
    ) == (found.notes)


def test_no_engine_is_tried_with_a_header_that_cannot_be(tmp_path: Path) -> None:
    """Its parser may crash where hostd's refuses; a type of tensor that is newer than hostd is the engine's to know."""
    damaged, newer = tmp_path / "damaged.gguf", tmp_path / "newer.gguf"
    keys = {"general.architecture": "llama", "llama.block_count": 2**32 - 1}
    damaged.write_bytes(stub(keys))
    newer.write_bytes(stub({"general.architecture": "llama"}, version=4))
    variants = [Variant("llamacpp", path=str(path)) for path in (damaged, newer)]
    found = finder(tmp_path, {"llamacpp": LlamaCpp()}).find(profile(*variants), CARD)
    assert [1] == [each.variant for each in found.options]
    left_out, unknown = sorted(found.notes)
    assert left_out.startswith("left out: llamacpp:damaged.gguf: ")
    assert unknown.startswith("llamacpp:newer.gguf: what it takes is not known")


def test_only_engines_of_this_machine_count(tmp_path: Path) -> None:
    """One that is not there, and one that refuses, each say why."""
    here, tagged = gguf(tmp_path, "m.gguf", 4), Variant("llamacpp", hf="owner/model")
    engines = {"llamacpp": LlamaCpp()}
    found = finder(tmp_path, engines).find(profile(Variant("vllm", hf="owner/model"), tagged, here), CARD)
    assert [2] == [each.variant for each in found.options]
    assert (
        "left out: vllm:model: backend 'vllm' is not implemented here",
        "left out: llamacpp:model: hf:owner/model is not on this machine",
    ) == tuple(note.partition(";")[0] for note in found.notes)


def test_loads_take_as_long_as_they_took(tmp_path: Path) -> None:
    """Until one was measured, its bytes and its engine tell."""
    one = profile(gguf(tmp_path, "m.gguf", 4))
    (measured,) = finder(tmp_path, seconds=7.5).find(one, CARD).options
    (guessed,) = finder(tmp_path).find(one, CARD).options
    assert 7.5 == measured.load_seconds
    assert START_SECONDS["llamacpp"] == pytest.approx(
        guessed.load_seconds, abs=0.01
    )  # there are no weights in the file


def test_flags_that_make_no_sense_are_the_reason(tmp_path: Path) -> None:
    """The sentence is the same as for a plan."""
    one = replace(profile(gguf(tmp_path, "m.gguf", 4)), args={"cache-ram": -1})
    assert "cache-ram without a limit cannot be planned with" in (finder(tmp_path).find(one, CARD).why_not or "")


def test_no_variant_is_no_choice(tmp_path: Path) -> None:
    """There is always a reason."""
    assert "'a' has no variant" == finder(tmp_path).find(profile(), CARD).why_not


def test_vllm_needs_a_cache_for_one_request_however_many_may_run(tmp_path: Path) -> None:
    """Where not all requests at once find room for the whole context, one does; the cache for the others is elastic."""
    variant = Variant("vllm", path=str(checkpoint(tmp_path / "model")))
    many = Profile("a", (variant,), context=2048, slots=1_000_000)
    (option,) = finder(tmp_path).find(many, CARD).options
    assert CARD.accelerators[0].budget > option.needs["cuda:0"]
    assert ["kv-cache-memory-bytes"] == [each.flag for each in option.elastic]
    few = replace(many, slots=1)
    (option,) = finder(tmp_path).find(few, CARD).options
    assert () == option.elastic


def test_a_file_that_cannot_be_understood_may_still_be_served(tmp_path: Path) -> None:
    """A newer engine may know a format that hostd does not; what it takes is then counted once it is loaded."""
    path = tmp_path / "new.gguf"
    path.write_bytes(b"GGUF" + (99).to_bytes(4, "little") + bytes(64))
    found = finder(tmp_path).find(profile(Variant("llamacpp", path=str(path))), CARD)
    assert [{}] == [each.needs for each in found.options]
    assert "what it takes is not known" in found.notes[0]
