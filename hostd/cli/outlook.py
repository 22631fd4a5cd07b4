"""Gathers what a plan needs: the models that are asked for, what else should be or is loaded, and the room for all of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hostd.cli.candidates import CandidateResolver, PlanCandidate, PlanOptions
from hostd.cli.daemon_state import evictable, free_now, loaded
from hostd.cli.exits import Code, VerbError
from hostd.cli.output import say
from hostd.domain.host import Host
from hostd.domain.profile import Settings
from hostd.models.errors import ModelUnreadable
from hostd.models.locations import ModelLocations, this_machine
from hostd.planning.footprint.placement import pool_budgets
from hostd.planning.warm_set.fit import LoadedModel
from hostd.planning.warm_set.joint_plan import JointPlan, plan_models
from hostd.planning.warm_set.solver import ModeCandidate
from hostd.sizing import calibrated
from hostd.sizing.calibrated import CalibratedEstimator
from hostd.sizing.cpu_engines import on_processor


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """One question: what the owner's *settings* and the command line (*wanted*) mean for a machine; *here* if it is this one.

    A *quiet* one does not say which models it cannot reckon with.
    """

    settings: Settings
    host: Host
    wanted: PlanOptions
    here: bool
    url: str | None
    quiet: bool = False

    def plan(self, models: Sequence[str] | None) -> tuple[list[PlanCandidate], JointPlan]:
        """Return the models that are planned for, in order, and the plan; without *models*, for all profiles.

        Raises:
            VerbError: A model cannot be found, read or served as was asked, or nothing is declared at all.
        """
        asked = self._asked(models) if models else self._declared()
        names = {candidate.name for candidate in asked}
        running = loaded(self.url) if self.here else []
        free = pool_budgets(self.host)
        residents: tuple[LoadedModel, ...] = ()
        standing: list[PlanCandidate] = []
        if self.here:
            free = free_now(self.host, running, names)
            residents = evictable(self.host, running, names, self._pinned())
        if models and not running:
            standing = self._standing(names)
        if residents:
            # Room is made for what is asked for before any of it is left to the CPU.
            preloaded = []
        elif models and not standing:
            preloaded = asked
        else:
            preloaded = [each for each in asked if each.profile and each.profile.warm.preload]
        others = [each for each in asked if each not in preloaded]
        plan = plan_models(
            [_wish(each) for each in (*standing, *preloaded) if each.ways],
            [_wish(each) for each in others if each.ways],
            self.host,
            free,
            residents,
        )
        stuck = {model.name for model in running} - names - {resident.name for resident in residents}
        return asked, replace(plan, warm=(*sorted(stuck), *plan.warm))

    def _asked(self, models: Sequence[str]) -> list[PlanCandidate]:
        opener = self._opener(self.wanted, this_machine(), self._learned())
        found = [opener.named(text) for text in models]
        return list({candidate.name: candidate for candidate in found}.values())

    def _declared(self) -> list[PlanCandidate]:
        """Return all profiles; one that cannot be read says so itself and spoils no other."""
        if not self.settings.profiles:
            raise VerbError(
                "no model is declared yet; name a file, hf:REPO or ollama:TAG, or add a profile to the model_profiles folder",
                Code.USAGE,
            )
        opener, found = self._opener(self.wanted, this_machine(), self._learned()), []
        for profile in self.settings.profiles.values():
            try:
                found.append(opener.declared(profile))
            except ModelUnreadable as error:
                found.append(
                    PlanCandidate(profile.name, profile=profile, trouble=f"nothing is known of it: {error.message}")
                )
        return found

    def _standing(self, names: set[str]) -> list[PlanCandidate]:
        """Return the declared models that should be warm, apart from *names*; only what is known without asking a hub."""
        opener = self._opener(PlanOptions(), replace(this_machine(), offline=True))
        found = []
        for profile in self.settings.profiles.values():
            if profile.name in names or not profile.warm.preload:
                continue
            try:
                found.append(opener.declared(profile))
            except ModelUnreadable as error:
                if not self.quiet:
                    say(f"'{profile.name}' should be warm, too, but is not reckoned with: {error.message}")
        return found

    def _opener(
        self, wanted: PlanOptions, places: ModelLocations, learned: CalibratedEstimator | None = None
    ) -> CandidateResolver:
        processors = on_processor(self.host, self.settings.commands) if self.here else frozenset[str]()
        return CandidateResolver(self.settings, self.host, wanted, places, learned, processors)

    def _learned(self) -> CalibratedEstimator | None:
        return calibrated.this_machine() if self.here else None

    def _pinned(self) -> set[str]:
        return {profile.name for profile in self.settings.profiles.values() if profile.warm.pinned}


def _wish(candidate: PlanCandidate) -> ModeCandidate:
    warm = candidate.profile.warm if candidate.profile else None
    if warm is None:
        return ModeCandidate(candidate.name, candidate.ways)
    return ModeCandidate(candidate.name, candidate.ways, warm.priority, warm.pinned)
