"""The one planner: what fits on a host, beside what a daemon has loaded there or beside what the owner wants warm.

Where a daemon runs, a plan counts with the daemon's own account of its memory (`MemoryState`): the options, costs and eviction
rule by which its scheduler decides, so that ``hostd plan`` announces what ``hostd load`` would do now. Without one, it counts
with the warm set that a daemon would load at its start.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hostd.backends.visible_cards import device_variables
from hostd.domain.errors import RequestError
from hostd.domain.host import Host
from hostd.domain.profile import Settings
from hostd.models.errors import ModelUnreadable
from hostd.models.locations import ModelLocations, this_machine
from hostd.planning.warm_set.fit import Fit, Verdict
from hostd.planning.warm_set.joint_plan import JointPlan, plan_models
from hostd.planning.warm_set.load_option import LoadOption, free_now, pool_budgets
from hostd.planning.warm_set.value import WarmCandidate
from hostd.sizing.candidates import AS_DECLARED, CandidateResolver, PlanCandidate, PlanOptions, on_processor
from hostd.sizing.load_options import host_options
from hostd.sizing.measurements import CalibratedEstimator, MeasurementStore
from hostd.sizing.memory_state import MemoryState, digest

_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """The models that were planned for, in the order asked, with the verdicts on them.

    *notes* are sentences on models that should be warm, too, and could not be counted, and on profiles that have changed.
    """

    candidates: tuple[PlanCandidate, ...]
    joint: JointPlan
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans for *host* with the owner's *settings* and the *asked* options; *here* if it is this machine.

    *daemon* is the state of the one that runs here, if any. *as_installed* takes declared models with the options that the daemon
    has for them, which leave out variants whose weights or engines are not installed. *asked_hubs* asks them about every
    variant of which nothing is stored here; `plan` does so by itself where the others do not fit. *measured* has what loads took.
    """

    settings: Settings
    host: Host
    asked: PlanOptions = AS_DECLARED
    here: bool = True
    daemon: MemoryState | None = None
    as_installed: bool = True
    asked_hubs: bool = False
    measured: MeasurementStore = field(default_factory=MeasurementStore)

    def plan(self, models: Sequence[str] | None) -> Plan:
        """Return the plan for *models* (names, files, references), for all profiles without any.

        Raises:
            RequestError: A model is not known, or cannot be served as was asked; or nothing is declared at all.
            ModelUnreadable: A model's header cannot be read.
        """
        candidates = self._named(models) if models else self._declared()
        plan = self._planned(models, candidates)
        # What no hub was asked about is of use only where what is known does not fit.
        poor = [
            each for each in candidates if each.variants and each.unasked and not _whole(plan.joint.fits.get(each.name))
        ]
        if not poor or self.asked_hubs or this_machine().offline:
            return replace(plan, notes=(*plan.notes, *_unasked(candidates)))
        return replace(self, asked_hubs=True).plan(models)

    def _planned(self, models: Sequence[str] | None, candidates: Sequence[PlanCandidate]) -> Plan:
        # A daemon is planned beside as it is now; what its warm set would be at its next start is of no use to a load.
        if self.daemon is not None:
            changed = tuple(
                f"'{each.name}' has changed since the daemon read it; this is the plan for the changed profile"
                for each in candidates
                if each.profile and self.daemon.profiles.get(each.name, digest(each.profile)) != digest(each.profile)
            )
            return Plan(tuple(candidates), self._beside_loaded(candidates, self.daemon), changed)
        warm, notes = self._should_be_warm({each.name for each in candidates}) if models else ([], ())
        # Named models compete as a set among themselves only where nothing else has to stay warm beside them.
        preloaded = [
            each for each in candidates if (models and not warm) or (each.profile and each.profile.warm.preload)
        ]
        joint = plan_models(
            [self._sized(each) for each in (*warm, *preloaded) if each.variants],
            [self._sized(each) for each in candidates if each not in preloaded and each.variants],
            free_now(self.host) if self.here else pool_budgets(self.host),
        )
        return Plan(tuple(candidates), joint, notes)

    def _beside_loaded(self, candidates: Sequence[PlanCandidate], daemon: MemoryState) -> JointPlan:
        """Plan for the daemon's loaded models first, then for those it wants warm, then for the others in their order."""
        # Loaded models have their memory already: planned later, they would seem to lack what others were given first.
        rank = {name: place for place, name in enumerate((*daemon.held, *daemon.warm))}
        ordered = sorted(candidates, key=lambda each: rank.get(each.name, len(rank)))
        others = [self._sized(each) for each in ordered if each.variants]
        return plan_models((), others, daemon.free, daemon.candidates, daemon.held)

    def _named(self, models: Sequence[str]) -> list[PlanCandidate]:
        resolver = self._resolver(self.asked, this_machine(), self._calibrated())
        found = [resolver.named(text) for text in models]
        # A model named twice, say by its alias, is loaded once.
        return list({candidate.name: candidate for candidate in found}.values())

    def _declared(self) -> list[PlanCandidate]:
        """Return all profiles; one that cannot be read says so itself and spoils no other."""
        if not self.settings.profiles:
            raise RequestError(
                "no model is declared yet; name a file, hf:REPO or ollama:TAG, or add a profile to the model_profiles folder",
                code="bad_request",
            )
        resolver, found = self._resolver(self.asked, this_machine(), self._calibrated()), []
        for profile in self.settings.profiles.values():
            try:
                found.append(resolver.declared(profile))
            except ModelUnreadable as error:
                trouble = f"nothing is known of it: {error.message}"
                found.append(PlanCandidate(profile.name, profile=profile, trouble=trouble))
        return found

    def _should_be_warm(self, names: set[str]) -> tuple[list[PlanCandidate], tuple[str, ...]]:
        """Return the preloaded models apart from *names*, and why others are not counted; no hub is asked about them."""
        resolver = self._resolver(AS_DECLARED, replace(this_machine(), offline=True))
        found, notes = [], []
        for profile in self.settings.profiles.values():
            if profile.name in names or not profile.warm.preload:
                continue
            try:
                found.append(resolver.declared(profile))
            except ModelUnreadable as error:
                notes.append(f"'{profile.name}' should be warm, too, but is not counted: {error.message}")
        return found, tuple(notes)

    def _sized(self, candidate: PlanCandidate) -> WarmCandidate:
        # The daemon has no options for a model whose header it has not read; this plan may fetch headers, and computes its own.
        options = self._daemons_options(candidate) or host_options(candidate.variants, self.host)
        warm = candidate.profile.warm if candidate.profile else None
        if warm is None:
            return WarmCandidate(candidate.name, options)
        return WarmCandidate(candidate.name, options, warm.priority, warm.pinned)

    def _daemons_options(self, candidate: PlanCandidate) -> list[LoadOption]:
        """Return the options that the daemon would load a declared model with, unless something else is asked for."""
        if self.daemon is None or not self._as_declared(candidate, self.daemon):
            return []
        known = {each.number: each for each in candidate.variants}
        options = self.daemon.options.get(candidate.name, ())
        return [known[option.variant].placed(option) for option in options if option.needs and option.variant in known]

    def _as_declared(self, candidate: PlanCandidate, daemon: MemoryState) -> bool:
        """Return whether the question is about a profile as the daemon has read it."""
        profile = candidate.profile
        if profile is None or not self.as_installed or self.asked != AS_DECLARED:
            return False
        return daemon.profiles.get(profile.name) == digest(profile)

    def _resolver(
        self, asked: PlanOptions, places: ModelLocations, calibrated: CalibratedEstimator | None = None
    ) -> CandidateResolver:
        # Which engines another host has installed is not known, so no processor build is assumed there.
        processors = on_processor(self.host, self.settings.commands) if self.here else frozenset[str]()
        return CandidateResolver(
            self.settings, self.host, asked, places, calibrated, processors, self.asked_hubs, self._variables
        )

    def _variables(self, backend: str) -> dict[str, str]:
        """Return the drivers' variables that the engines of *backend* get: the daemon's where one runs, else of this process."""
        ours = device_variables(os.environ) if self.here else {}
        settings = self.settings.engines.get(backend)
        return {**(self.daemon.variables if self.daemon else ours), **(settings.env if settings else {})}

    def _calibrated(self) -> CalibratedEstimator | None:
        return CalibratedEstimator(self.measured) if self.here else None


def _whole(fit: Fit | None) -> bool:
    """Return whether a model fits as it is best: at once, and with no layer on the CPU."""
    return fit is not None and fit.verdict is Verdict.FITS and fit.option.whole


def _unasked(candidates: Sequence[PlanCandidate]) -> tuple[str, ...]:
    labels = [label for each in candidates for label in each.unasked]
    if not labels:
        return ()
    named = ", ".join(labels[:_MOST_NAMED]) + (
        f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    )
    return (f"not looked up, for nothing of it is stored here: {named}; hostd pull or plan hf:REPO asks its hub",)
