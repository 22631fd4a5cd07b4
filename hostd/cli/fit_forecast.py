"""Whether a model will fit once it is here, in one sentence: said before a download, and never a reason to refuse it."""

from dataclasses import dataclass

from hostd.cli import plan_report
from hostd.cli.measured_footprints import measured_here
from hostd.domain.errors import HostdError
from hostd.domain.host import Host
from hostd.domain.profile import Settings
from hostd.sizing.memory_state import MemoryState
from hostd.sizing.plan import Planner


@dataclass(frozen=True, slots=True)
class FitForecast:
    """*verdict* and *why* as in ``hostd plan``, None and the reason where there is none.

    *variant* is the label of the best one, and *notes* are about those that were left out.
    """

    verdict: str | None
    why: str
    variant: str | None = None
    notes: tuple[str, ...] = ()


class FitForecaster:
    """Plans for single models on this host, which the daemon that runs here shares with them, if any; each is planned once.

    Variants count whether or not they are installed: the question is what to download.
    """

    def __init__(self, settings: Settings, host: Host, daemon: MemoryState | None = None) -> None:
        # The daemon leaves out variants that are not installed, which are just the ones a download is about.
        self._planner = Planner(settings, host, daemon=daemon, as_installed=False, measured=measured_here())
        self._made: dict[str, FitForecast] = {}

    def best(self, model: str) -> str | None:
        """Return the label of the variant that a plan would have served, None where it cannot tell."""
        return self.about(model).variant

    def about(self, model: str) -> FitForecast:
        """Return what a plan for *model* says."""
        if model not in self._made:
            self._made[model] = self._forecast(model)
        return self._made[model]

    def _forecast(self, model: str) -> FitForecast:
        try:
            planned = self._planner.plan([model])
        except HostdError as error:
            return FitForecast(None, f"whether it fits cannot be told: {error.message}")
        (candidate,) = planned.candidates
        fit = planned.joint.fits.get(candidate.name)
        row = plan_report.report(candidate, fit, self._planner.host)
        best = fit.option.label if fit else None
        return FitForecast(row["verdict"], row["why"].partition("; ")[0], best, candidate.notes)
