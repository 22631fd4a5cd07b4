"""How a model goes: after those who are there have been answered, into sleep where that gives its memory back, else for good."""

from hostd.domain.lifecycle import Move, State
from hostd.scheduling.decision_context import Turn
from hostd.scheduling.effects import Sleep, Stop
from hostd.scheduling.memory_ledger import Ledger
from hostd.scheduling.model_state import Lane

LONGEST_TURN = 60.0
"""Seconds for which a model that is to go for another still serves those who waited for it by then."""


class Leaving:
    """Sees models off. *reopened* are those that may stay after all and have not yet been told."""

    def __init__(self, turn: Turn, ledger: Ledger) -> None:
        self.reopened: list[Lane] = []
        self._turn = turn
        self._ledger = ledger

    def make_go(self, lane: Lane) -> None:
        """Have a model go for another once it has answered those who are there; nobody's answer is cut for it."""
        lane.restarts.forgive()
        if lane.gate is not None:
            return
        if lane.state is State.READY and (lane.serving or (lane.queue and not lane.dead)):
            lane.gate = self._turn.now
            self._turn.alarms.set(("turn", lane.profile.name), self._turn.now + LONGEST_TURN)
        else:
            self.go(lane)

    def stay(self, lane: Lane) -> None:
        """Keep a model that was to go: nobody wants its memory any more."""
        lane.gate, lane.evicted = None, False
        self._turn.alarms.cancel(("turn", lane.profile.name))
        self.reopened.append(lane)

    def go(self, lane: Lane) -> None:
        """Have a model that answers nobody give its memory back."""
        if lane.state is State.READY and lane.sleeps and not lane.dead:
            self._sleep(lane)
        else:
            self.stop(lane)

    def stop(self, lane: Lane) -> None:
        """Have an engine ended."""
        lane.move(Move.STOP)
        self._ledger.leaves(lane.profile.name)
        for name in ("drain", "idle", "turn"):
            self._turn.alarms.cancel((name, lane.profile.name))
        self._turn.effects.append(Stop(lane.profile.name))

    def slept(self, lane: Lane) -> bool:
        """Note that an engine has given its memory back and sleeps; return whether that was still wanted."""
        if lane.state is not State.SLEEPING:
            return False
        self._ledger.slept(lane.profile.name, lane.keeps)
        return True

    def _sleep(self, lane: Lane) -> None:
        """Have an engine stay without its memory: at the lightest level whose remains main memory has room for."""
        held = sum(count for pool, count in self._ledger.held(lane.profile.name).items() if pool != "ram")
        light = held <= self._ledger.room().get("ram", 0)
        level = lane.naps[0] if light else lane.naps[-1]
        if level == 1 and not light:
            self.stop(lane)
            return
        lane.move(Move.SLEEP)
        lane.keeps = {"ram": held} if level == 1 else {}
        for name in ("idle", "turn"):
            self._turn.alarms.cancel((name, lane.profile.name))
        self._ledger.leaves(lane.profile.name)
        self._turn.effects.append(Sleep(lane.profile.name, level))
        self._turn.explain("sleep", lane, None, level=level, keeps=lane.keeps)
