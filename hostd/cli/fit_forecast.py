"""Whether a model will fit once it is here, in one sentence: said before a download, and never a reason to refuse it."""

from dataclasses import dataclass

from hostd.cli import plan_report
from hostd.cli.candidates import PlanOptions
from hostd.cli.exits import VerbError
from hostd.cli.outlook import PlanRequest
from hostd.domain.errors import HostdError
from hostd.domain.host import Host
from hostd.domain.profile import Settings


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
    """What plans for this machine, *host*, say of models; each is made once."""

    def __init__(self, settings: Settings, host: Host, url: str | None) -> None:
        self._outlook = PlanRequest(settings, host, PlanOptions(), here=True, url=url, quiet=True)
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
            candidates, planned = self._outlook.plan([model])
        except (VerbError, HostdError) as error:
            return FitForecast(None, f"whether it fits cannot be told: {error.message}")
        (candidate,) = candidates
        fit = planned.fits.get(candidate.name)
        row = plan_report.report(candidate, fit, self._outlook.host)
        best = fit.option.mode.label if fit else None
        return FitForecast(row["verdict"], row["why"].partition("; ")[0], best, candidate.notes)
