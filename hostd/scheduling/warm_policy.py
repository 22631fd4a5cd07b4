"""Keeping warm: which models should be loaded now, which of them fit together, and when one that had to go comes back.

A model is declared warm by its profile (`preload`), by a window of the week that is open, or by demand: this hour of
the week has usually brought requests for it. Of all that should be warm, the solver says what fits together; the rest is told why.
"""

from collections.abc import Collection, Iterable, Mapping

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.load_option import Choice
from hostd.planning.warm_set.solver import Wanted, choose_among
from hostd.scheduling.decision_context import Turn
from hostd.scheduling.memory_admission import Room
from hostd.scheduling.model_state import Lane

USUAL = 1.0
"""Requests an hour from which demand alone makes a model worth having warm."""

COME_BACK = 30.0
"""Seconds between two looks at whether a model that had to go may come back."""


MOST_STEPS = 8_000
"""Steps of search for a plan: the desk decides between two requests, and an hour's plan may be good without being proved."""

_PRESENCE = 1.0
"""Seconds of waiting in an hour by which a model that is there is worth more: among equals, nobody is loaded for another."""

_PLENTY = 1 << 62
_AWAY = (State.COLD, State.SLEEPING)


class Keeping:
    """Knows the declared set, and the plan: what of it fits together and how."""

    def __init__(self, lanes: Mapping[str, Lane], turn: Turn, room: Room) -> None:
        self._lanes = lanes
        self._turn = turn
        self._room = room
        self._windows: frozenset[str] = frozenset()
        self.proved = True
        self.left_out: dict[str, str] = {}

    def calendar(self, windows: frozenset[str], demand: Mapping[str, float]) -> list[Lane]:
        """Take in the hour: the models that a window wants, and the requests an hour that each may expect; see `plan`."""
        self._windows = windows
        self._room.demand = dict(demand)
        return self.plan()

    def reason(self, lane: Lane) -> str | None:
        """Return why *lane* should be warm now: ``preload``, ``window`` or ``demand``; None where it need not be."""
        name = lane.profile.name
        if lane.profile.warm.preload:
            return "preload"
        if name in self._windows:
            return "window"
        return "demand" if self._room.demand.get(name, 0.0) >= USUAL else None

    def stays(self, lane: Lane) -> bool:
        """Return whether *lane* stays loaded however long nobody asks for it."""
        if lane.profile.warm.pinned or lane.profile.name in self._windows:
            return True
        return lane.profile.name in self._room.declared and self.reason(lane) == "demand"

    def idle_limit(self, lane: Lane) -> float:
        """Return after how many idle seconds *lane* is unloaded: its profile's keep_alive, or more if its last client said so.

        A hint may only prolong the stay: no client decides for all others that the next one has to wait for a load.
        """
        return max(lane.profile.warm.keep_alive, lane.hint or 0.0)

    def in_order(self) -> list[Lane]:
        """Return the lanes of the plan, the most valuable first: pinned ones, by priority, by the cost of waits, by name."""

        def key(lane: Lane) -> tuple[bool, int, float, str]:
            warm, name = lane.profile.warm, lane.profile.name
            saves = self._room.demand.get(name, 0.0) * lane.cold_start
            return (not warm.pinned, -warm.priority, -saves, name)

        return sorted((self._lanes[name] for name in self._room.declared), key=key)

    def plan(self) -> list[Lane]:
        """Choose anew which of the models that should be warm fit together; return those that were not among them before."""
        wanted = [lane for lane in self._lanes.values() if self.reason(lane)]
        before = (self._room.declared, self._room.preferred)
        if not self._room.ledger.counts:
            self._room.declared = frozenset(lane.profile.name for lane in wanted)
            return self._new(before[0])
        known = [lane for lane in wanted if lane.usable]
        unmeasured = {pool: _PLENTY for lane in known for choice in lane.usable for pool in choice.needs}
        rooms = unmeasured | self._room.ledger.capacity
        chosen = choose_among([self._wanted(lane) for lane in known], rooms, MOST_STEPS)
        self.proved = chosen.proved
        self.left_out = {each.name: each.why for each in chosen.left_out}
        # Of what nobody can foresee, the load itself will tell.
        unknown = [lane.profile.name for lane in wanted if not lane.choices]
        self._room.declared = frozenset((*chosen.choices, *unknown))
        self._room.preferred = dict(chosen.choices)
        if before != (self._room.declared, self._room.preferred):
            self._tell(wanted)
        return self._new(before[0])

    def _new(self, before: Collection[str]) -> list[Lane]:
        return [lane for lane in self.in_order() if lane.profile.name not in before]

    def missing(self) -> Iterable[Lane]:
        """Yield the lanes of the plan that are not there and that nobody has sent away, the most valuable first."""
        return (lane for lane in self.in_order() if lane.evicted and lane.state in _AWAY and lane.claim is None)

    def went(self, lane: Lane) -> None:
        """Note that a model of the plan had to go: it comes back when there is room in quiet times."""
        if lane.profile.name in self._room.declared:
            lane.evicted = True
            if ("return", "") not in self._turn.alarms:
                self._turn.alarms.set(("return", ""), self._turn.now + COME_BACK)

    def come_back(self) -> None:
        """Bring back what had to go, as far as there is room for it without anybody's harm; look again later for the rest."""
        missing = list(self.missing())
        for lane in missing:
            if self._room.may_fit(lane, "return"):
                self._room.ask(lane, "return")
        if missing:
            self._turn.alarms.set(("return", ""), self._turn.now + COME_BACK)

    def _wanted(self, lane: Lane) -> Wanted:
        warm, demand = lane.profile.warm, self._room.demand.get(lane.profile.name, 0.0)
        if lane.state in (State.READY, State.LOADING):
            demand += _PRESENCE / max(_PRESENCE, lane.cold_start)
        return Wanted(lane.profile.name, lane.usable, warm.priority, warm.pinned, demand, lane.cold_start)

    def _tell(self, wanted: Iterable[Lane]) -> None:
        preferred: Mapping[str, Choice] = self._room.preferred
        for lane in wanted:
            name = lane.profile.name
            if (choice := preferred.get(name)) is not None:
                self._turn.explain(
                    "plan", lane, None, warm=True, why=self.reason(lane), variant=choice.label, needs=choice.needs
                )
            elif name in self.left_out:
                self._turn.explain("plan", lane, None, warm=False, why=self.left_out[name])
