"""What fits on a host, beside what a daemon has loaded or what should be warm."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from hostd.domain.errors import RequestError
from hostd.domain.host import Host, Reserve
from hostd.domain.profile import Profile, Settings, Variant, WarmSettings
from hostd.hardware.simulated import preset
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.planning.warm_set.fit import Fit, Verdict
from hostd.planning.warm_set.load_option import LoadOption
from hostd.sizing.candidates import PlanOptions
from hostd.sizing.memory_state import MemoryState, digest
from hostd.sizing.plan import Plan, Planner
from tests.cli.models import GIB, weigh
from tests.models.weights import checkpoint

CARD = preset("rtx4090", Reserve())


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub is asked, and nothing of the owner's is read."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HOME", str(tmp_path))


def planner(*profiles: Profile, daemon: MemoryState | None = None, asked: PlanOptions = PlanOptions()) -> Planner:  # noqa: B008 - it is frozen
    """Return a planner for a card of 24 GiB, which is this host where there is a daemon."""
    declared: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in profiles})
    return Planner(Settings(profiles=declared), CARD, asked, here=daemon is not None, daemon=daemon)


def profile(folder: Path, name: str, gib: float, warm: WarmSettings = WarmSettings()) -> Profile:  # noqa: B008 - it is frozen
    """Return a profile whose model takes so many GiB."""
    path = weigh(folder / f"{name}.gguf", gib)
    return Profile(name, (Variant("llamacpp", path=str(path)),), context=4096, warm=warm)


def fit(plan: Plan, name: str) -> Fit:
    """Return the verdict on a model that has one."""
    found = plan.joint.fits[name]
    assert found
    return found


def running(
    free: float = 2,
    host: Host = CARD,
    options: Mapping[str, tuple[LoadOption, ...]] = MappingProxyType({}),
    *profiles: Profile,
    **held: tuple[float, float | None],
) -> MemoryState:
    """Return a daemon with so many GiB free: each loaded model holds so many, at a cost, None where it is pinned."""
    memory = {name: {"cuda:0": int(gib * GIB)} for name, (gib, _) in held.items()}
    return MemoryState(
        host=host,
        free={"cuda:0": int(free * GIB), "ram": 60 * GIB},
        held=memory,
        candidates=tuple(
            EvictionCandidate(name, cost, memory[name], 0.0) for name, (_, cost) in held.items() if cost is not None
        ),
        options=options,
        warm=(),
        profiles={profile.name: digest(profile) for profile in profiles},
    )


def test_all_profiles_are_planned_and_some_are_warm(tmp_path: Path) -> None:
    """Those that are not preloaded get a verdict beside the warm set, and are no part of it."""
    lazy = profile(tmp_path, "lazy", 4, WarmSettings(preload=False))
    plan = planner(profile(tmp_path, "a", 12), lazy).plan(None)
    assert ["a", "lazy"] == [candidate.name for candidate in plan.candidates]
    assert {"a", "lazy"} == plan.joint.fits.keys()
    assert "a" in plan.joint.warm


def test_a_profile_that_cannot_be_read_spoils_no_other(tmp_path: Path) -> None:
    """It says so itself."""
    broken = Profile("broken", (Variant("llamacpp", path=str(tmp_path / "gone.gguf")),))
    plan = planner(broken, profile(tmp_path, "a", 12)).plan(None)
    assert (("a",), {"a"}) == (plan.joint.warm, set(plan.joint.fits))
    assert "nothing is known of it: there is no file" in (plan.candidates[0].trouble or "")


def test_a_preloaded_model_is_counted_beside_the_named_ones(tmp_path: Path) -> None:
    """The warm set is taken to be loaded; of a more important model the owner is told that it would be evicted."""
    important = profile(tmp_path, "important", 16, WarmSettings(priority=90))
    found = fit(planner(important, profile(tmp_path, "a", 12)).plan(["a"]), "a")
    assert (Verdict.FITS_AFTER_EVICTING, ("important",)) == (found.verdict, found.evict)


def test_what_should_be_warm_and_cannot_be_read_is_noted(tmp_path: Path) -> None:
    """And not counted."""
    broken = Profile("broken", (Variant("llamacpp", path=str(tmp_path / "gone.gguf")),))
    plan = planner(broken, profile(tmp_path, "a", 12)).plan(["a"])
    assert ("a",) == plan.joint.warm
    (note,) = plan.notes
    assert note.startswith("'broken' should be warm, too, but is not counted: there is no file")


@pytest.mark.parametrize("here", [True, False])
def test_engines_of_this_host_compute_on_its_processor(tmp_path: Path, here: bool) -> None:
    """Where there is no accelerator; what another host would have installed is not known."""
    folder = checkpoint(tmp_path / "m")
    one = Profile("m", (Variant("mlx", path=str(folder)),), context=512)
    commands = {"mlx": (sys.executable,), "vllm": ("/nowhere/vllm",)}
    settings = Settings(profiles=MappingProxyType({"m": one}), commands=commands)
    plan = Planner(settings, preset("cpu-64g", Reserve()), here=here).plan(["m"])
    assert here is (plan.joint.fits["m"] is not None)


class TestBesideADaemon:
    """Its memory, its options, its costs."""

    def test_a_pinned_model_stays(self, tmp_path: Path) -> None:
        """The daemon tells what may be evicted; what it would not load in part, the plan does not place in part."""
        path = str(weigh(tmp_path / "other.gguf", 2))
        evictable = fit(planner(daemon=running(held=(20, 1.0))).plan([path]), path)
        pinned = fit(planner(daemon=running(held=(20, None))).plan([path]), path)
        assert (Verdict.FITS_AFTER_EVICTING, ("held",)) == (evictable.verdict, evictable.evict)
        assert Verdict.DOES_NOT_FIT is pinned.verdict

    def test_the_cheapest_model_is_evicted(self, tmp_path: Path) -> None:
        """By the daemon's costs, however large it is; the other stays warm."""
        path = str(weigh(tmp_path / "other.gguf", 4))
        plan = planner(daemon=running(small=(8, 30.0), large=(12, 1.0)), asked=PlanOptions(context=4096)).plan([path])
        assert (("large",), ("small",)) == (fit(plan, path).evict, plan.joint.warm)

    def test_a_loaded_model_fits(self, tmp_path: Path) -> None:
        """It is asked about where it is; the memory that it holds is its own."""
        one = profile(tmp_path, "a", 20)
        plan = planner(one, daemon=running(free=0, a=(22, 1.0))).plan(["a"])
        assert (Verdict.FITS, ("a",)) == (fit(plan, "a").verdict, plan.joint.warm)

    def test_a_profile_is_planned_with_the_options_that_the_daemon_has(self, tmp_path: Path) -> None:
        """Which leave out what is not installed, and count what was measured; the footprint is computed for its components."""
        large, small = (str(weigh(tmp_path / f"{gib}.gguf", gib)) for gib in (16, 4))
        one = Profile("a", (Variant("llamacpp", path=large), Variant("llamacpp", path=small)), context=4096)
        option = LoadOption(1, "llamacpp:4.gguf", Placement.on("cuda:0"), needs={"cuda:0": 5 * GIB}, load_seconds=7.0)
        daemon = running(20, CARD, {"a": (option,)}, one)
        found = fit(planner(one, daemon=daemon).plan(["a"]), "a").option
        assert (option.placement, 1, "llamacpp:4.gguf") == (found.placement, found.variant, found.mode.label)
        assert option.needs["cuda:0"] == found.needs["cuda:0"]
        assert 4 * GIB < found.footprint.pool("cuda:0").expected < 6 * GIB
        assert ("'a' has changed since the daemon read it; this is the plan for the changed profile",) == planner(
            replace(one, slots=3), daemon=daemon
        ).plan(["a"]).notes
        for other in (
            planner(one, daemon=daemon, asked=PlanOptions(context=2048)),
            planner(replace(one, slots=3), daemon=daemon),
            replace(planner(one, daemon=daemon), as_installed=False),
        ):
            assert "llamacpp:16.gguf" == fit(other.plan(["a"]), "a").option.label

    def test_models_that_should_be_warm_take_the_memory_first(self, tmp_path: Path) -> None:
        """In the daemon's order, whatever the order of the files."""
        profiles = [profile(tmp_path, name, 12) for name in ("a", "b")]
        plan = planner(*profiles, daemon=replace(running(22), warm=("b",))).plan(None)
        assert ("b",) == plan.joint.warm
        assert ["a", "b"] == [each.name for each in plan.candidates]
        assert Verdict.DOES_NOT_FIT is fit(plan, "a").verdict


def test_nothing_declared_is_a_wrong_use() -> None:
    """There is nothing to plan."""
    with pytest.raises(RequestError) as raised:
        planner().plan(None)
    assert 400 == raised.value.status
