"""What follows when an engine has failed: its next variant is loaded, it is started again after a delay, or it is left down."""

from hostd.domain.reason import ExitClass
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.events import EngineFailed
from hostd.scheduling.memory_admission import MemoryAdmission
from hostd.scheduling.model_decisions import FailureHandled, VariantSkipped
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.warm_policy import WarmSetPolicy


class EngineFailures:
    """Asks for the loads that follow a failure, and sets when a failed engine is started again."""

    def __init__(self, context: DecisionContext, admission: MemoryAdmission, warm_policy: WarmSetPolicy) -> None:
        self._context = context
        self._admission = admission
        self._warm_policy = warm_policy

    def try_another(self, model: ModelState, event: EngineFailed) -> bool:
        """Load the next variant where this one cannot be, or this one again where that may help; return whether there is one."""
        if model.woke_from_sleep:  # that an engine died in its sleep says nothing of the next one
            self._admission.request(model, "request" if model.queue else model.why)
            return True
        if model.option is None or event.own_want or (model.retried and event.exit_class is ExitClass.OUT_OF_MEMORY):
            return False
        tried, before = model.option, model.usable
        if event.exit_class is ExitClass.OUT_OF_MEMORY:
            model.retried = True
        elif event.exit_class.mends_itself:
            return False
        model.failed_variants.add(tried.variant)
        model.load_errors.append(event.detail)
        # The last variant is not given up for want of memory: other programs may have had it for a moment.
        if not model.usable:
            model.failed_variants.discard(tried.variant)
            if event.exit_class is not ExitClass.OUT_OF_MEMORY:
                return False
        left = tuple(option.label for option in model.usable if option in before)
        self._context.explain(VariantSkipped(model.name, event.exit_class, event.detail, tried.label, left))
        self._admission.request(model, "request" if model.queue else model.why)
        return True

    def give_up(
        self, model: ModelState, event: EngineFailed, *, loading: bool, closing: bool, charged_to: tuple[str, ...] = ()
    ) -> None:
        """Leave a failed engine down, until it is restarted after a delay where that may help; never while *closing*."""
        if loading:
            # Of several variants that could not be loaded, the first may be the one that the owner can mend.
            others = (model.why_not,) if model.why_not and model.option is not None else ()
            model.last_error = "; ".join(dict.fromkeys((*model.load_errors, event.detail, *others)))
        model.forget_tries()
        model.restarts.failed(event.exit_class, self._context.now, charged=bool(charged_to), own_want=event.own_want)
        # A load that was asked for once is not tried for ever; what should be warm is.
        if closing or (loading and not model.profile.warm.preload):
            model.restarts.hold_back()
        if (again_at := model.restarts.again_at) is not None:
            self._context.deadlines.set(("restart", event.model), again_at)
        else:
            self._warm_policy.look_again()
        again_in = None if again_at is None else again_at - self._context.now
        found = (event.exit_class, event.detail, loading, model.restarts.streak, again_in, charged_to)
        self._context.explain(FailureHandled(model.name, *found))
