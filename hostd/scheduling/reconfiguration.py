"""New settings while requests are served: which models are added, which change their engine, and which are removed.

What an engine does not see (limits, warmth, fallbacks) holds from the next decision on. What it was launched with changes once
the model is idle: its engine is stopped and the next one is launched by the new profile, so that no answer is cut. A model that
was removed still answers the requests that it has, and is forgotten when its engine is gone.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from hostd.domain.lifecycle import State
from hostd.domain.profile import Profile
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import Remove
from hostd.scheduling.engine_control import EngineController
from hostd.scheduling.events import LoadOptionsChanged
from hostd.scheduling.model_decisions import Pinned, Unpinned
from hostd.scheduling.model_state import ModelState

_DEADLINES = ("drain", "idle", "restart", "memory", "turn", "breaker")


class Reconfiguration:
    """Adds, changes and removes models. With *options_follow*, the options of a new profile are posted after it."""

    def __init__(
        self,
        models: dict[str, ModelState],
        context: DecisionContext,
        engines: EngineController,
        *,
        options_follow: bool,
    ) -> None:
        self._models = models
        self._context = context
        self._engines = engines
        self._options_follow = options_follow
        self._changing: dict[str, Profile] = {}
        self._removing: set[str] = set()
        self._relaunching: set[str] = set()
        self._early_options: dict[str, LoadOptionsChanged] = {}
        self.pending = False
        """Whether models wait to become idle, so that they can change or go; as `advance` has found it last."""

    def apply(self, profiles: Mapping[str, Profile], relaunch: Collection[str] = ()) -> None:
        """Make *profiles* the models that there are, as far as they are idle; `advance` sees to the rest.

        Those in *relaunch* get another engine even if nothing else about them changes, now or by the time when they are idle.
        """
        self._relaunching |= {name for name in relaunch if name in self._models}
        for name, profile in profiles.items():
            model = self._models.get(name)
            if model is None:
                self._models[name] = ModelState(profile, options_known=not self._options_follow)
            else:
                self._change(model, profile)
        for name, model in self._models.items():
            if name not in profiles:
                self._changing.pop(name, None)
                self._relaunching.discard(name)
                self._removing.add(name)
                model.removed = True
        self.advance()
        self._engines.replan()

    def pin(self, model: ModelState, *, pinned: bool) -> None:
        """Have *model* stay loaded, or not, as if its profile said so; until the owner's settings are read anew."""
        if model.profile.warm.pinned is not pinned:
            model.profile = replace(model.profile, warm=replace(model.profile.warm, pinned=pinned))
            self._explain_pin(model, "asked")
            self._engines.replan()

    def advance(self) -> None:
        """Go on with the models that have become idle since; to be called after each event."""
        self.pending = bool(self._changing or self._removing)
        if not self.pending:
            return
        for name, profile in list(self._changing.items()):
            if self._replaced(self._models[name], profile):
                del self._changing[name]
                self._relaunching.discard(name)
                if (found := self._early_options.pop(name, None)) is not None:
                    self._engines.options_changed(self._models[name], found.options, found.why_not)
        gone = [name for name in self._removing if self._stopped_for_good(self._models[name])]
        for name in gone:
            self._removing.discard(name)
            del self._models[name]
            for kind in _DEADLINES:
                self._context.deadlines.cancel((kind, name))
            self._context.effects.append(Remove(name))
        self.pending = bool(self._changing or self._removing)
        if gone:
            self._engines.replan()

    def options_found(self, event: LoadOptionsChanged) -> bool:
        """Return whether *event* is about the profile that a model has now; else it is kept until the model has changed."""
        if event.model in self._changing:
            self._early_options[event.model] = event
            return False
        return True

    def _change(self, model: ModelState, profile: Profile) -> None:
        self._removing.discard(profile.name)
        self._changing.pop(profile.name, None)
        self._early_options.pop(profile.name, None)
        model.removed = False
        model.profile, before = profile.with_engine_of(model.profile), model.profile
        if model.profile.warm.pinned is not before.warm.pinned:
            self._explain_pin(model, "reconfigured")
        if model.profile != profile or profile.name in self._relaunching:
            self._changing[profile.name] = profile
        elif profile.limits != before.limits and model.state is State.READY:
            # There may be more free slots than before; a request that waits for one is served by the caller.
            self._engines.commands.reopened.append(model)

    def _explain_pin(self, model: ModelState, why: str) -> None:
        kind = Pinned if model.profile.warm.pinned else Unpinned
        self._context.explain(kind(model.name, why))

    def _replaced(self, model: ModelState, profile: Profile) -> bool:
        """Give *model* its new profile if it is idle; return whether it was."""
        if model.state is State.DRAINING or (model.state is State.READY and not model.idle):
            return False
        running = model.state in (State.READY, State.LOADING)
        pending = model.pending_load
        if pending is not None and model.state in (State.COLD, State.FAILED):
            self._engines.admission.drop(model)
        model.take_profile(profile, options_known=not self._options_follow)
        failed = model.state is State.FAILED
        if failed or model.state in (State.READY, State.LOADING, State.SLEEPING):
            self._engines.unload(model, "reconfigured")
        if failed:
            self._engines.warm_policy.evicted(model)  # with other settings it may well load
        if running and not self._engines.closing:
            model.start_requested = True
        if pending is not None and model.state is State.COLD:
            self._engines.admission.request(model, pending.why)
        return True

    def _stopped_for_good(self, model: ModelState) -> bool:
        """Stop the engine of a removed model that has no requests any more; return whether nothing is left of it."""
        if not model.idle:
            return False
        if model.state in (State.READY, State.LOADING, State.SLEEPING, State.FAILED) or model.pending_load is not None:
            self._engines.unload(model, "removed")
        return model.state is State.COLD
