"""Which engines run: starts, stops, restarts, the boot's preload and the end of idle ones.

The half of the desk that knows nothing of tickets. It owns the lifecycle state of every lane. Whether there is memory for a load,
and who goes for it, is `room`'s business; which models should be warm is `keeping`'s.
"""

from collections.abc import Iterable, Mapping

from hostd.domain.host import Pool
from hostd.domain.lifecycle import Move, State
from hostd.domain.reason import ExitClass, Reason
from hostd.planning.warm_set.load_option import Choice
from hostd.scheduling.decision_context import Turn
from hostd.scheduling.effects import Start, Wake
from hostd.scheduling.events import Checked, EngineBroke, EngineReady
from hostd.scheduling.memory_admission import Loads, Room
from hostd.scheduling.memory_ledger import Ledger
from hostd.scheduling.model_state import Lane
from hostd.scheduling.preload import Preload
from hostd.scheduling.unloading import Leaving
from hostd.scheduling.warm_policy import Keeping

DRAIN_LIMIT = 30.0
"""Seconds that running answers get to finish before their engine is stopped all the same."""


class Engines:
    """Moves lanes along the lifecycle table and asks for the starts and stops that this takes."""

    def __init__(self, lanes: Mapping[str, Lane], turn: Turn) -> None:
        self._lanes = lanes
        self._turn = turn
        ledger = Ledger()
        self.leaving = Leaving(turn, ledger)
        self.room = Room(lanes, turn, ledger, Loads(self._begin, self._make_go, self.leaving.stay, self._settled))
        self.keeping = Keeping(lanes, turn, self.room)
        self.preload = Preload(self.room.ask)
        self.closing = False

    def obtainable(self, lane: Lane) -> bool:
        """Return whether a ticket may hope for this model: it is ready, on its way, or may be started."""
        return not self.closing and (lane.state is State.READY or lane.coming or lane.restarts.open(self._turn.now))

    def summon(self, lane: Lane) -> None:
        """Start the engine for a ticket that waits, unless it is already on its way."""
        if lane.state in (State.COLD, State.FAILED, State.SLEEPING) and lane.restarts.again_at is None:
            self.room.ask(lane, "request")

    def rest(self, lane: Lane) -> None:
        """See to a lane from which a ticket has gone: finish draining, or begin to count idle time."""
        if lane.state is State.DRAINING and not lane.serving:
            self.leaving.stop(lane)
        elif lane.gate is not None and not lane.serving:
            self.leaving.go(lane)
            if lane.queue and lane.state is State.SLEEPING:
                self.summon(lane)
        elif lane.state is State.READY and lane.idle:
            lane.idle_since = self._turn.now
            self.room.changed()
            alarm = ("idle", lane.profile.name)
            if not self.keeping.stays(lane) and (lane.hint is not None or alarm not in self._turn.alarms):
                # One alarm per lane, however many requests pass: it looks again when it rings (`idle_time_up`).
                self._turn.alarms.set(alarm, self._turn.now + self.keeping.idle_limit(lane))

    def idle_time_up(self, lane: Lane) -> None:
        """Unload a lane that has been idle for its keep_alive; look again later at one that was used meanwhile."""
        if lane.state is not State.READY or not lane.idle or self.keeping.stays(lane):
            return
        at = lane.idle_since + self.keeping.idle_limit(lane)
        if self._turn.now >= at:
            self.unload(lane, "idle")
        else:
            self._turn.alarms.set(("idle", lane.profile.name), at)

    def turn_over(self, lane: Lane) -> None:
        """Let nobody else in who waits for a model that is to go: those there have had their turn."""
        if lane.gate is not None:
            lane.gate = float("-inf")
            self.rest(lane)

    def slept(self, lane: Lane) -> None:
        """Note that an engine has given its memory back and sleeps."""
        if self.leaving.slept(lane):
            self.room.changed()

    def restart_time_up(self, lane: Lane) -> None:
        """Start a broken engine again, its delay being over."""
        if lane.state is State.FAILED:
            self.room.ask(lane, "request" if lane.queue else "restart")

    def drain_time_up(self, lane: Lane) -> None:
        """Stop an engine although it still answers somebody: they had their time to finish."""
        if lane.state is State.DRAINING:
            self.leaving.stop(lane)

    def load(self, lane: Lane, why: str) -> None:
        """Start the engine now, whatever its past; after its stop if it is just being stopped. Not while closing."""
        if self.closing:
            return
        if lane.state in (State.COLD, State.FAILED, State.SLEEPING):
            lane.restarts.forgive()
            lane.spent.clear()
            self.room.ask(lane, why)
        elif lane.state in (State.DRAINING, State.STOPPING):
            lane.wanted = True

    def unload(self, lane: Lane, why: str) -> None:
        """Stop the engine once the answers under way are finished, within `DRAIN_LIMIT`."""
        lane.wanted = lane.evicted = False
        lane.restarts.forgive()
        self._turn.alarms.cancel(("restart", lane.profile.name))
        if lane.claim is not None and (self.closing or not lane.queue):
            self.room.withdraw(lane)
        if lane.state in (State.COLD, State.STOPPING, State.DRAINING):
            return
        idle = self._turn.now - lane.idle_since if lane.state is State.READY and lane.idle else 0.0
        self._turn.explain("unload", lane, None, why=why, in_flight=len(lane.serving), idle_s=round(idle, 1))
        if lane.state is State.FAILED:
            self.gone(lane)
        elif lane.state is State.READY and lane.serving:
            lane.move(Move.DRAIN)
            self._turn.alarms.set(("drain", lane.profile.name), self._turn.now + DRAIN_LIMIT)
        else:
            self.leaving.stop(lane)

    def ready(self, event: EngineReady) -> bool:
        """Note that an engine serves; return whether that was still wanted."""
        lane = self._lanes[event.model]
        if lane.state is not State.LOADING:
            return False
        lane.move(Move.LOADED)
        lane.slots, lane.naps, lane.last_error = event.slots, event.naps, None
        if lane.woken:
            lane.wake_seconds = event.seconds
        else:
            lane.load_seconds = event.seconds
        lane.evicted = lane.retried = False
        lane.setbacks.clear()
        lane.ready_at = lane.idle_since = self._turn.now
        self.room.ledger.warm(event.model)
        self.room.changed()
        lane.restarts.ready(self._turn.now)
        self._turn.explain(
            "ready", lane, None, load_s=round(event.seconds, 2), slots=event.slots, queued=len(lane.queue)
        )
        self.preload.settled(lane)
        return True

    def broke(self, event: EngineBroke) -> bool:
        """Note that an engine is down and decide whether it comes back; return whether those who wait should go elsewhere."""
        lane = self._lanes[event.model]
        for name in ("drain", "idle", "turn"):
            self._turn.alarms.cancel((name, event.model))
        if lane.state is State.DRAINING:  # it was to stop anyway
            lane.move(Move.STOP)
        if lane.state is State.STOPPING:
            self.gone(lane)
            return False
        loading = lane.state is State.LOADING
        lane.move(Move.BROKE)
        self._back(event.model)
        lane.slots, lane.last_error = 0, event.detail
        if event.exit_class is ExitClass.OUT_OF_MEMORY:
            lane.down_reason = Reason.OUT_OF_MEMORY
        else:
            lane.down_reason = Reason.LOAD_FAILED if loading else Reason.CRASHED
        if loading and not self.closing and self._try_another(lane, event):
            return False
        if loading:
            # Of several variants that could not be had, the first may be the one that the owner can mend.
            others = (lane.why_not,) if lane.why_not and lane.choice is not None else ()
            lane.last_error = "; ".join(dict.fromkeys((*lane.setbacks, event.detail, *others)))
        lane.setbacks.clear()
        lane.spent.clear()
        lane.retried = False
        lane.restarts.broke(event.exit_class, self._turn.now)
        if self.closing or (loading and not lane.profile.warm.preload):
            lane.restarts.hold_back()
        again_at = lane.restarts.again_at
        if again_at is not None:
            self._turn.alarms.set(("restart", event.model), again_at)
        self._turn.explain(
            "engine_broke",
            lane,
            None,
            exit_class=event.exit_class,
            why=event.detail,
            loading=loading,
            in_a_row=lane.restarts.streak,
            again_in_s=None if again_at is None else round(again_at - self._turn.now, 1),
        )
        self.preload.settled(lane)
        return loading or again_at is None

    def gone(self, lane: Lane) -> None:
        """Note that a stopped engine has left nothing behind; start it again if somebody wants it."""
        if lane.state is State.SLEEPING:  # it could not sleep, and was stopped instead
            lane.move(Move.STOP)
        lane.move(Move.GONE)
        lane.slots = 0
        lane.spent.clear()
        self._back(lane.profile.name)
        if lane.claim is not None:  # made while it slept
            self.room.withdraw(lane)
        self._turn.explain("stopped", lane, None, queued=len(lane.queue))
        if not self.closing and (lane.queue or lane.wanted):
            lane.wanted = False
            self.room.ask(lane, "request" if lane.queue else "asked")
        else:
            self.preload.settled(lane)

    def boot(self) -> None:
        """Begin to load, one after another, what should be warm and fits together, the most valuable first."""
        self.preload.begun = True
        if not self.closing:
            self.keeping.plan()
            self.preload.begin(self.keeping.in_order())

    def calendar_turned(self, windows: frozenset[str], demand: Mapping[str, float]) -> None:
        """Take in the hour: load what should be warm from now on, and let idle time count for what need not be any more."""
        self._follow(self.keeping.calendar(windows, demand))
        if not self.preload.begun or self.closing:
            return
        for lane in self.keeping.in_order():
            why = self.keeping.reason(lane)
            if lane.state is not State.COLD or lane in self.preload:
                continue
            if lane.profile.name in windows:
                self.room.ask(lane, "window")
            elif why == "demand":
                self.room.ask(lane, why)

    def checked(self, event: Checked) -> bool:
        """Take in what became of a check; return whether those who wait should go elsewhere."""
        lane = self._lanes[event.model]
        claim = lane.claim
        if claim is None or claim.asked is None or self.closing:
            return False
        if event.exit_class is None:
            self.room.passed(lane)
            return False
        # It would fail just so: the same follows as if it had, except that nobody had to go for it.
        self.room.drop(lane)
        lane.choice, lane.why = claim.asked, claim.why
        lane.move(Move.START)
        return self.broke(EngineBroke(event.model, event.exit_class, event.detail))

    def appraised(self, lane: Lane, choices: tuple[Choice, ...], why_not: str | None) -> None:
        """Take in the ways to load a model, and plan with them."""
        lane.choices, lane.why_not = choices, why_not
        if loaded := lane.choice:
            same = (each for each in choices if (each.variant, each.placement) == (loaded.variant, loaded.placement))
            lane.choice = next(same, loaded)
            if lane.state in (State.LOADING, State.READY):
                self.room.ledger.learnt(lane.profile.name, lane.choice)
        if self.preload.begun:
            self._follow(self.keeping.plan())
            self.room.changed()

    def _follow(self, new: Iterable[Lane]) -> None:
        """Let idle time count for what a plan has no place for, and have what is *new* in it come up in quiet times."""
        for lane in self._lanes.values():
            if lane.state is State.READY and lane.idle and ("idle", lane.profile.name) not in self._turn.alarms:
                self.rest(lane)
        for lane in new:
            if self.preload.begun and lane.state is State.COLD and lane not in self.preload:
                self.keeping.went(lane)

    def memory_seen(self, pools: Iterable[Pool], held: Mapping[str, Mapping[str, int]]) -> None:
        """Take in a measurement of the memory."""
        self.room.ledger.seen(pools, held)
        self.room.changed()

    def no_room(self, lane: Lane, why: str) -> None:
        """Note that there is no room for a load, and why."""
        lane.last_error, lane.down_reason = why, Reason.OUT_OF_MEMORY
        self.keeping.went(lane)
        self.preload.settled(lane)

    def close(self) -> None:
        """Stop every engine, letting the answers under way finish."""
        self.closing = True
        self.preload.give_up()
        for lane in self._lanes.values():
            self.unload(lane, "closing")

    def _begin(self, lane: Lane, choice: Choice | None, why: str) -> None:
        lane.woken = lane.state is State.SLEEPING
        lane.move(Move.WAKE if lane.woken else Move.START)
        lane.wanted, lane.choice, lane.why = False, choice, why
        lane.restarts.started()
        self._turn.alarms.cancel(("restart", lane.profile.name))
        self._turn.effects.append(Wake(lane.profile.name) if lane.woken else Start(lane.profile.name, choice))
        variant = None if choice is None else choice.label
        self._turn.explain(
            "wake" if lane.woken else "load",
            lane,
            None,
            why=why,
            variant=variant,
            queued=len(lane.queue),
            restarts=lane.restarts.total,
        )

    def _make_go(self, lane: Lane) -> None:
        self.keeping.went(lane)
        self.leaving.make_go(lane)

    def _settled(self, lane: Lane) -> None:
        self.preload.settled(lane)

    def _back(self, model: str) -> None:
        self.room.ledger.gone(model)
        self.room.changed()

    def _try_another(self, lane: Lane, event: EngineBroke) -> bool:
        """Go on with the next variant where this one cannot be had, or once where memory ran out; return whether there is hope."""
        if lane.choice is None or (lane.retried and event.exit_class is ExitClass.OUT_OF_MEMORY):
            return False
        tried, before = lane.choice, lane.usable
        if event.exit_class is ExitClass.OUT_OF_MEMORY:
            lane.retried = True
        elif event.exit_class.mends_itself:
            return False
        lane.spent.add(tried.variant)
        lane.setbacks.append(event.detail)
        if not lane.usable:
            lane.spent.discard(tried.variant)
            if event.exit_class is not ExitClass.OUT_OF_MEMORY:
                return False
        again = "request" if lane.queue else lane.why
        self._turn.explain(
            "next_variant",
            lane,
            None,
            exit_class=event.exit_class,
            why=event.detail,
            tried=tried.label,
            left=[choice.label for choice in lane.usable if choice in before],
        )
        self.room.ask(lane, again)
        return True
