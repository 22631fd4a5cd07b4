"""What a plan needs, gathered."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from hostd.cli.candidates import PlanOptions
from hostd.cli.exits import Code, VerbError
from hostd.cli.outlook import PlanRequest
from hostd.domain.host import Reserve
from hostd.domain.profile import Profile, Settings, Variant, WarmSettings
from hostd.hardware.simulated import preset
from hostd.planning.warm_set.fit import Verdict
from tests.cli.models import GIB, weigh
from tests.cli.recorded import READY, Daemon
from tests.models.weights import checkpoint


@pytest.fixture(autouse=True)
def offline(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub is asked."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def outlook(*profiles: Profile, url: str | None = None) -> PlanRequest:
    """Return a question about a card of 24 GiB, which is this machine where there is a daemon."""
    declared: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in profiles})
    return PlanRequest(
        Settings(profiles=declared), preset("rtx4090", Reserve()), PlanOptions(), here=url is not None, url=url
    )


def profile(folder: Path, name: str, gib: float, warm: WarmSettings = WarmSettings()) -> Profile:  # noqa: B008 - it is frozen
    """Return a profile whose model takes so many GiB."""
    path = weigh(folder / f"{name}.gguf", gib)
    return Profile(name, (Variant("llamacpp", path=str(path)),), context=4096, warm=warm)


def test_all_profiles_are_planned_and_some_are_warm(tmp_path: Path) -> None:
    """Those that are not preloaded get a verdict beside the warm set, and are no part of it."""
    lazy = profile(tmp_path, "lazy", 4, WarmSettings(preload=False))
    asked, plan = outlook(profile(tmp_path, "a", 12), lazy).plan(None)
    assert ["a", "lazy"] == [candidate.name for candidate in asked]
    assert {"a", "lazy"} == plan.fits.keys()
    assert "a" in plan.warm


def test_a_profile_that_cannot_be_read_spoils_no_other(tmp_path: Path) -> None:
    """It says so itself."""
    broken = Profile("broken", (Variant("llamacpp", path=str(tmp_path / "gone.gguf")),))
    asked, plan = outlook(broken, profile(tmp_path, "a", 12)).plan(None)
    assert (("a",), {"a"}) == (plan.warm, set(plan.fits))
    assert "nothing is known of it: there is no file" in (asked[0].trouble or "")


def test_one_that_is_preloaded_is_seen_among_the_others(tmp_path: Path) -> None:
    """The warm set stands on a machine that is not this one; what is more important does not go for it."""
    important = profile(tmp_path, "important", 16, WarmSettings(priority=90))
    _, plan = outlook(important, profile(tmp_path, "a", 12)).plan(["a"])
    fit = plan.fits["a"]
    assert fit
    assert (Verdict.FITS_AFTER_EVICTING, ("important",)) == (fit.verdict, fit.evict)


def test_what_should_be_warm_and_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And not reckoned with."""
    broken = Profile("broken", (Variant("llamacpp", path=str(tmp_path / "gone.gguf")),))
    _, plan = outlook(broken, profile(tmp_path, "a", 12)).plan(["a"])
    assert ("a",) == plan.warm
    assert "'broken' should be warm, too, but is not reckoned with" in capsys.readouterr().err


def test_a_quiet_question_leaves_that_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before a download, all the others that are not here yet are no news."""
    broken = Profile("broken", (Variant("llamacpp", path=str(tmp_path / "gone.gguf")),))
    replace(outlook(broken, profile(tmp_path, "a", 12)), quiet=True).plan(["a"])
    assert "" == capsys.readouterr().err


@pytest.mark.parametrize("here", [True, False])
def test_engines_of_this_machine_compute_on_its_processor(tmp_path: Path, here: bool) -> None:
    """Where there is no accelerator; what another machine would have installed nobody knows."""
    folder = checkpoint(tmp_path / "m")
    one = Profile("m", (Variant("mlx", path=str(folder)),), context=512)
    settings = Settings(
        profiles=MappingProxyType({"m": one}), commands={"mlx": (sys.executable,), "vllm": ("/nowhere/vllm",)}
    )
    url = f"unix:{tmp_path / 'nothing.sock'}"
    (asked,), plan = PlanRequest(settings, preset("cpu-64g", Reserve()), PlanOptions(), here=here, url=url).plan(["m"])
    assert here is (plan.fits[asked.name] is not None)


def test_a_pinned_model_of_a_running_daemon_stays(tmp_path: Path, daemon: Daemon) -> None:
    """The daemon tells what is loaded, and the files what is pinned."""
    idle = READY | {"model": "held", "in_flight": 0, "queued": 0, "pool_bytes": {"cuda:0": 20 * GIB}}
    daemon.on("GET /hostd/v1/status", {"instances": [idle]})
    path = str(weigh(tmp_path / "other.gguf", 2))
    for warm, verdict in ((WarmSettings(), Verdict.FITS_AFTER_EVICTING), (WarmSettings(pinned=True), Verdict.FITS)):
        _, plan = outlook(profile(tmp_path, "held", 20, warm), url=daemon.url).plan([path])
        fit = plan.fits[path]
        assert fit
        assert (verdict, verdict is Verdict.FITS) == (fit.verdict, fit.option.gpu_layers is not None)


def test_nothing_declared_is_a_wrong_use() -> None:
    """There is nothing to plan."""
    with pytest.raises(VerbError) as raised:
        outlook().plan(None)
    assert Code.USAGE == raised.value.code
