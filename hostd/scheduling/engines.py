"""Which engines run: starts, stops, restarts, the boot's preload and the end of idle ones.

The half of the desk that knows nothing of tickets. It owns the lifecycle state of every lane.
"""

from collections import deque
from collections.abc import Mapping

from hostd.domain.lifecycle import Move, State
from hostd.domain.reason import ExitClass, Reason
from hostd.scheduling.effects import Start, Stop
from hostd.scheduling.events import EngineBroke, EngineReady
from hostd.scheduling.lane import Lane
from hostd.scheduling.turn import Turn

DRAIN_LIMIT = 30.0
"""Seconds that running answers get to finish before their engine is stopped all the same."""


class Engines:
    """Moves lanes along the lifecycle table and asks for the starts and stops that this takes."""

    def __init__(self, lanes: Mapping[str, Lane], turn: Turn) -> None:
        self._lanes = lanes
        self._turn = turn
        self._to_preload: deque[str] = deque()
        self._preloading: str | None = None
        self._booted = False
        self.closing = False

    @property
    def settled(self) -> bool:
        """Whether every model that should be loaded at boot is ready or has failed."""
        return self._booted and not self._to_preload and self._preloading is None

    def obtainable(self, lane: Lane) -> bool:
        """Return whether a ticket may hope for this model: it is ready, on its way, or may be started."""
        return not self.closing and (lane.state is State.READY or lane.coming or lane.restarts.open(self._turn.now))

    def summon(self, lane: Lane) -> None:
        """Start the engine for a ticket that waits, unless it is already on its way."""
        if lane.state in (State.COLD, State.FAILED) and lane.restarts.again_at is None:
            self._start(lane, "request")

    def rest(self, lane: Lane) -> None:
        """See to a lane from which a ticket has gone: finish draining, or begin to count idle time."""
        if lane.state is State.DRAINING and not lane.serving:
            self._stop(lane)
        elif lane.state is State.READY and lane.idle:
            lane.idle_since = self._turn.now
            if not lane.profile.warm.pinned and ("idle", lane.profile.name) not in self._turn.alarms:
                # One alarm per lane, however many requests pass: it looks again when it rings (`idle_time_up`).
                self._turn.alarms.set(("idle", lane.profile.name), self._turn.now + lane.profile.warm.keep_alive)

    def idle_time_up(self, lane: Lane) -> None:
        """Unload a lane that has been idle for its keep_alive; look again later at one that was used meanwhile."""
        if lane.state is not State.READY or not lane.idle:
            return
        at = lane.idle_since + lane.profile.warm.keep_alive
        if self._turn.now >= at:
            self.unload(lane, "idle")
        else:
            self._turn.alarms.set(("idle", lane.profile.name), at)

    def restart_time_up(self, lane: Lane) -> None:
        """Start a broken engine again, its delay being over."""
        if lane.state is State.FAILED:
            self._start(lane, "restart")

    def drain_time_up(self, lane: Lane) -> None:
        """Stop an engine although it still answers somebody: they had their time to finish."""
        if lane.state is State.DRAINING:
            self._stop(lane)

    def load(self, lane: Lane, why: str) -> None:
        """Start the engine now, whatever its past; after its stop if it is just being stopped. Not while closing."""
        if self.closing:
            return
        if lane.state in (State.COLD, State.FAILED):
            lane.restarts.forgive()
            self._start(lane, why)
        elif lane.state in (State.DRAINING, State.STOPPING):
            lane.wanted = True

    def unload(self, lane: Lane, why: str) -> None:
        """Stop the engine once the answers under way are finished, within `DRAIN_LIMIT`."""
        lane.wanted = False
        lane.restarts.forgive()
        self._turn.alarms.cancel(("restart", lane.profile.name))
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
            self._stop(lane)

    def ready(self, event: EngineReady) -> bool:
        """Note that an engine serves; return whether that was still wanted."""
        lane = self._lanes[event.model]
        if lane.state is not State.LOADING:
            return False
        lane.move(Move.LOADED)
        lane.slots, lane.load_seconds, lane.last_error = event.slots, event.seconds, None
        lane.ready_at = self._turn.now
        lane.restarts.ready(self._turn.now)
        self._turn.explain(
            "ready", lane, None, load_s=round(event.seconds, 2), slots=event.slots, queued=len(lane.queue)
        )
        self._preloaded(event.model)
        return True

    def broke(self, event: EngineBroke) -> bool:
        """Note that an engine is down and decide whether it comes back; return whether those who wait should go elsewhere."""
        lane = self._lanes[event.model]
        for name in ("drain", "idle"):
            self._turn.alarms.cancel((name, event.model))
        if lane.state is State.DRAINING:  # it was to stop anyway
            lane.move(Move.STOP)
        if lane.state is State.STOPPING:
            self.gone(lane)
            return False
        loading = lane.state is State.LOADING
        lane.move(Move.BROKE)
        lane.slots, lane.last_error = 0, event.detail
        if event.exit_class is ExitClass.OUT_OF_MEMORY:
            lane.down_reason = Reason.OUT_OF_MEMORY
        else:
            lane.down_reason = Reason.LOAD_FAILED if loading else Reason.CRASHED
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
        self._preloaded(event.model)
        return loading or again_at is None

    def gone(self, lane: Lane) -> None:
        """Note that a stopped engine has left nothing behind; start it again if somebody wants it."""
        lane.move(Move.GONE)
        lane.slots = 0
        self._turn.explain("stopped", lane, None, queued=len(lane.queue))
        if not self.closing and (lane.queue or lane.wanted):
            self._start(lane, "request" if lane.queue else "asked")
        else:
            self._preloaded(lane.profile.name)

    def boot(self) -> None:
        """Begin to load, one after another, what the owner wants warm: by priority, then by name."""
        self._booted = True
        if self.closing:
            return
        wanted = [lane.profile for lane in self._lanes.values() if lane.profile.warm.preload]
        wanted.sort(key=lambda profile: (-profile.warm.priority, profile.name))
        self._to_preload = deque(profile.name for profile in wanted)
        self._preload_next()

    def close(self) -> None:
        """Stop every engine, letting the answers under way finish."""
        self.closing = True
        self._to_preload.clear()
        self._preloading = None
        for lane in self._lanes.values():
            self.unload(lane, "closing")

    def _start(self, lane: Lane, why: str) -> None:
        lane.move(Move.START)
        lane.wanted = False
        lane.restarts.started()
        self._turn.alarms.cancel(("restart", lane.profile.name))
        self._turn.effects.append(Start(lane.profile.name))
        self._turn.explain("load", lane, None, why=why, queued=len(lane.queue), restarts=lane.restarts.total)

    def _stop(self, lane: Lane) -> None:
        lane.move(Move.STOP)
        for name in ("drain", "idle"):
            self._turn.alarms.cancel((name, lane.profile.name))
        self._turn.effects.append(Stop(lane.profile.name))

    def _preload_next(self) -> None:
        while self._to_preload and self._preloading is None:
            lane = self._lanes[self._to_preload.popleft()]
            if lane.state is State.COLD:
                self._start(lane, "preload")
            if lane.state is State.LOADING:
                self._preloading = lane.profile.name

    def _preloaded(self, model: str) -> None:
        if self._preloading == model:
            self._preloading = None
            self._preload_next()
