"""Any order of events on a machine that sleeps now and then: the rules of `test_memory_admission_properties` hold, and more.

While the machine is about to sleep no load on a card begins, and no engine that slept with it gets a request before it has made a
token.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from hostd.domain.reason import ExitClass
from hostd.scheduling.effects import Effect, Prove, Serve, Start
from hostd.scheduling.events import CardsReturned, EngineFailed, EngineProved, HostResumed, SuspendAnnounced
from tests.scheduling.checked_scheduler import Engine
from tests.scheduling.test_memory_admission_properties import POOLS, TooLittle
from tests.scheduling.test_request_flow_properties import PICK


class Sleepy(TooLittle):
    """The same machine, which sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.suspends = False
        self.unproven: dict[str, int] = {}

    @rule(seconds=st.sampled_from([0.5, 5.0, 60.0]))
    def suspend(self, seconds: float) -> None:
        """The machine is about to sleep."""
        self.suspends = True
        self._tell(SuspendAnnounced(seconds))

    @rule()
    def resume(self) -> None:
        """It is awake again, whether or not that was announced."""
        self.suspends = False
        self._tell(HostResumed())

    @precondition(lambda self: self.unproven)
    @rule(pick=PICK, sound=st.booleans())
    def prove(self, pick: int, *, sound: bool) -> None:
        """An engine makes the token that it was asked for, or it does not and is ended."""
        model = sorted(self.unproven)[pick % len(self.unproven)]
        del self.unproven[model]
        if sound:
            self._tell(EngineProved(model))
        else:
            self.engines[model] = Engine(life=self.engines[model].life)
            self._tell(EngineFailed(model, ExitClass.UNKNOWN, "it made no token"))

    @rule()
    def cards_return(self) -> None:
        """Cards are found that were lost."""
        self._tell(CardsReturned(frozenset(POOLS)))

    def _saw(self, effect: Effect) -> None:
        match effect:
            case Prove(name):
                self.unproven[name] = self.engines[name].life
            case Start(name, option) if option is not None and option.placement.devices:
                assert not self.suspends, "a load on a card before the machine sleeps"
            case Serve(_, name):
                assert name not in self.unproven, "a request for an engine that has not proved itself"
            case _:
                pass
        super()._saw(effect)

    def _check_tickets(self) -> None:
        super()._check_tickets()
        alive = {name: engine for name, engine in self.engines.items() if engine.runs and not engine.told_to_stop}
        self.unproven = {
            name: life for name, life in self.unproven.items() if name in alive and alive[name].life == life
        }

    def _check_returns(self) -> None:
        if not self.suspends:
            super()._check_returns()

    def _calm_down(self) -> bool:
        if self.suspends:
            self.resume()
            return True
        if self.unproven:
            self.prove(0, sound=True)
            return True
        return super()._calm_down()


TestSleepy = pytest.mark.slow(Sleepy.TestCase)
TestSleepy.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
