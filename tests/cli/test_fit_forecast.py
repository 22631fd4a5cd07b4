"""Before a download, one sentence says whether the model will fit."""

from pathlib import Path

import pytest

from hostd.cli.fit_forecast import FitForecaster
from hostd.domain.host import Reserve
from hostd.domain.profile import Profile, Settings, Variant
from hostd.hardware.simulated import preset
from tests.cli.models import weigh


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub is asked."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_the_best_variant_is_the_one_that_a_plan_places(tmp_path: Path) -> None:
    """The first is too large for the machine, so the second is meant; the sentence is the plan's first."""
    variants = [Variant("llamacpp", path=str(weigh(tmp_path / f"{gib}.gguf", gib))) for gib in (200, 8)]
    settings = Settings(profiles={"m": Profile("m", tuple(variants), context=4096)})
    forecasts = FitForecaster(settings, preset("rtx4090", Reserve()))
    assert ("fits", variants[1].label) == (forecasts.about("m").verdict, forecasts.best("m"))
    assert forecasts.about("m").why.startswith("fits on cuda:0")
    assert ";" not in forecasts.about("m").why


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    """It is for the owner to know, not a reason to refuse."""
    forecasts = FitForecaster(Settings(), preset("cpu-16g", Reserve()))
    assert "does_not_fit" == forecasts.about(str(weigh(tmp_path / "m.gguf", 90))).verdict


@pytest.mark.parametrize("name", ["hf:owner/m", "nonsense"])
def test_where_there_is_no_plan_the_reason_is_said(name: str) -> None:
    """And no variant is preferred."""
    forecasts = FitForecaster(Settings(), preset("rtx4090", Reserve()))
    assert (None, None) == (forecasts.about(name).verdict, forecasts.best(name))
    assert forecasts.about(name).why.startswith("whether it fits cannot be told: ")
