"""Making room: which load goes ahead, who goes for it, and who has to wait how long.

Theory of operation. Every load begins as a `Claim`. It is checked first (`Check`: do its files and flags make sense, and how
much memory is there now?), so that a load that must fail evicts nobody. Then it is seen to again whenever memory changes hands:
it begins as soon as one of its choices fits beside everything that is promised, the claims before it included. If none does, the
cheapest sufficient set of models has to go; those that may not go yet (`price.free_at`) are waited for, and who is busy then is
closed to newcomers and answers those who are there. Claims are seen to in order of urgency, then of age, so nobody waits for ever.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.load_option import Choice
from hostd.scheduling import messages
from hostd.scheduling.decision_context import Turn
from hostd.scheduling.effects import Check
from hostd.scheduling.eviction import LONGEST_RESIDENCY, Candidate, cheapest, free_at, price
from hostd.scheduling.memory_ledger import Bytes, Ledger, Stage, excess, plus
from hostd.scheduling.model_state import Lane
from hostd.scheduling.pending_load import Claim, Urgency

STEP_DOWN = 30.0
"""Seconds of eviction cost that a better variant is worth."""

_WAITING_CHANGED = 1.0
"""Seconds by which the expected end of a wait must have moved to be told again."""


class Loads(NamedTuple):
    """What the engines' half does for claims: *begin* a load, have a model *go*, let one *stay* after all, *forgo* a load."""

    begin: Callable[[Lane, Choice | None, str], None]
    go: Callable[[Lane], None]
    stay: Callable[[Lane], None]
    forgo: Callable[[Lane], None]


class Room:
    """Owns the claims, and writes to the ledger together with the engines' half."""

    def __init__(self, lanes: Mapping[str, Lane], turn: Turn, ledger: Ledger, loads: Loads) -> None:
        self.ledger = ledger
        self.demand: Mapping[str, float] = {}
        self.declared: Collection[str] = frozenset()
        self.preferred: Mapping[str, Choice] = {}
        self._lanes = lanes
        self._turn = turn
        self._loads = loads
        self._claims: dict[str, Claim] = {}
        self._told_short: dict[str, tuple[str, Bytes]] = {}
        self._stale = False

    @property
    def claims(self) -> Collection[Claim]:
        """The loads that wait for their room."""
        return self._claims.values()

    def ask(self, lane: Lane, why: str) -> None:
        """Have *lane* loaded as soon as there is room; at once where no memory is counted."""
        if not self.ledger.counts:
            self._loads.begin(lane, None, why)
            return
        claim = Claim(lane.profile.name, why, self._turn.now)
        old = lane.claim
        if old is not None:
            if claim.urgency >= old.urgency:
                old.first = old.first or (why if old.why == "request" and why != "request" else None)
                return
            claim = replace(old, why=why, first=old.why)
        lane.claim = self._claims[claim.model] = claim
        self._stale = True
        if old is None:
            self._begin_with_check(lane, claim)

    def _begin_with_check(self, lane: Lane, claim: Claim) -> None:
        choices = self._in_order(lane)
        if lane.state is State.SLEEPING and choices:
            claim.checked.add(choices[0].variant)
        elif choices:
            self._check(claim, choices[0])
        else:
            # Nobody knows what it takes: its engine will tell why it cannot be had, or be measured when it runs.
            self.drop(lane)
            self._loads.begin(lane, None, claim.why)

    def _check(self, claim: Claim, choice: Choice) -> None:
        claim.asked = choice
        self._turn.effects.append(Check(claim.model, choice))

    def passed(self, lane: Lane) -> None:
        """Note that nothing speaks against what was checked but the memory."""
        if lane.claim is not None and lane.claim.asked is not None:
            lane.claim.checked.add(lane.claim.asked.variant)
            lane.claim.asked = None
            self._stale = True

    def drop(self, lane: Lane) -> tuple[str, ...]:
        """Give a claim up and return the models that were to go for it."""
        claim = self._claims.pop(lane.profile.name, None)
        lane.claim = None
        self._turn.alarms.cancel(("room", lane.profile.name))
        self._stale = True
        return claim.victims if claim else ()

    def changed(self) -> None:
        """Note that memory has changed hands, or that somebody has become idle: the claims are to be seen to."""
        self._stale = True

    def advance(self) -> list[tuple[Lane, str]]:
        """See to every claim in its turn; return the lanes that cannot have any, each with a sentence why."""
        refused: list[tuple[Lane, str]] = []
        while self._stale:
            self._stale = False
            ahead: dict[str, int] = {}
            for claim in sorted(self._claims.values(), key=lambda claim: (claim.urgency, claim.since, claim.model)):
                lane = self._lanes[claim.model]
                if claim.asked is not None or lane.state is State.STOPPING:
                    continue
                if why_not := self._see_to(lane, claim, ahead):
                    self.drop(lane)
                    refused.append((lane, why_not))
                elif lane.claim is claim and claim.choice is not None and self._has_first_call(claim):
                    for pool, count in claim.choice.peak.items():
                        ahead[pool] = ahead.get(pool, 0) + count
        return refused

    def _has_first_call(self, claim: Claim) -> bool:
        """Whether what comes free is kept for *claim*: somebody goes for it already, or it has waited long enough."""
        return bool(claim.victims) or self._turn.now - claim.since >= LONGEST_RESIDENCY

    def _see_to(self, lane: Lane, claim: Claim, ahead: Bytes) -> str | None:
        """Take a claim as far as it goes now; return why it cannot be met at all."""
        if claim.why == "request" and not lane.queue:
            if claim.first is None:
                self.withdraw(lane)
                return None
            claim.why, claim.first = claim.first, None
        room = {pool: count - ahead.get(pool, 0) for pool, count in self._room_for(lane).items()}
        choices = self._in_order(lane)
        if not choices:
            return lane.last_error or "none of its variants can be had"
        if self._waits_for_victims(claim):
            self._wait_on(lane, claim, room)
            return None
        return self._decide(lane, claim, choices, room)

    def withdraw(self, lane: Lane) -> None:
        """Give up the claim of those who have all left; who was to go for it and still answers somebody, stays."""
        for name in self.drop(lane):
            wanted = any(name in claim.victims for claim in self._claims.values())
            if self._lanes[name].gate is not None and not wanted:
                self._loads.stay(self._lanes[name])
        self._loads.forgo(lane)

    def _waits_for_victims(self, claim: Claim) -> bool:
        victims = [self._lanes[name] for name in claim.victims]
        return any(lane.gate is not None or lane.state is State.STOPPING for lane in victims)

    def _wait_on(self, lane: Lane, claim: Claim, room: Bytes) -> None:
        if claim.choice is not None and not excess(claim.choice.peak, room):
            self._start(lane, claim, claim.choice, room)

    def _decide(self, lane: Lane, claim: Claim, choices: Sequence[Choice], room: Bytes) -> str | None:
        soon = plus(room, self.ledger.returning())
        candidates = self._candidates(lane, claim)
        ready = self._ready(candidates)
        plans: list[tuple[float, int, Choice, tuple[Candidate, ...]]] = []
        for number, choice in enumerate(choices):
            penalty = STEP_DOWN * messages.steps_down(choices, choice)
            if not excess(choice.peak, room):
                plans.append((penalty, number, choice, ()))
            elif (gone := cheapest(ready, excess(choice.peak, soon))) is not None:
                plans.append((penalty + sum(each.price for each in gone), number, choice, gone))
        if plans:
            _, _, choice, gone = min(plans, key=lambda plan: plan[:2])
            if choice.variant in claim.checked:
                self._take(lane, claim, choice, gone, candidates, room)
            else:
                self._check(claim, choice)
            return None
        if claim.urgency is not Urgency.WAITED_FOR:
            return self._not_now(claim, choices, ready, room)
        if self._put_off(lane, claim, choices, candidates, room):
            return None
        return self._never(lane, choices, candidates)

    def _take(
        self,
        lane: Lane,
        claim: Claim,
        choice: Choice,
        gone: tuple[Candidate, ...],
        candidates: Sequence[Candidate],
        room: Bytes,
    ) -> None:
        claim.choice = choice
        self._turn.alarms.cancel(("room", claim.model))
        if not excess(choice.peak, room):
            self._start(lane, claim, choice, room)
            return
        claim.victims = (*claim.victims, *(each.name for each in gone))
        soon, told = plus(room, self.ledger.returning()), self._told(candidates)
        for each in gone:
            victim = self._lanes[each.name]
            self._turn.explain(
                "evict",
                victim,
                None,
                **{"for": claim.model},
                why=claim.why,
                cost_s=round(each.price, 2),
                needs=choice.peak,
                free=dict(room),
                soon=soon,
                candidates=told,
                in_flight=len(victim.serving),
            )
            self._loads.go(victim)

    def _put_off(
        self,
        lane: Lane,
        claim: Claim,
        choices: Sequence[Choice],
        candidates: Sequence[Candidate],
        room: Bytes,
    ) -> bool:
        """Let a claim wait until enough may go; return whether that will be, as far as one can see now."""
        soon = plus(room, self.ledger.returning())
        found: list[tuple[float, float, int, Choice, tuple[Candidate, ...]]] = []
        for number, choice in enumerate(choices):
            gone = cheapest(candidates, excess(choice.peak, soon))
            if gone is not None:
                # Whom only an event can free (a load that has to end first) frees late, but frees.
                at = max((float("inf") if each.free_at is None else each.free_at for each in gone), default=0.0)
                cost = sum(each.price for each in gone) + STEP_DOWN * messages.steps_down(choices, choice)
                found.append((at, cost, number, choice, gone))
        if not found:
            return False
        at, _, _, choice, gone = min(found, key=lambda each: each[:3])
        claim.choice = choice
        if at != float("inf"):
            self._turn.alarms.set(("room", claim.model), max(at, self._turn.now))
        if gone and (claim.told is None or abs(at - claim.told) > _WAITING_CHANGED):
            claim.told = at
            self._turn.explain(
                "wait_room",
                lane,
                None,
                why=claim.why,
                variant=choice.label,
                needs=choice.peak,
                free=dict(room),
                until_s=None if at == float("inf") else round(at - self._turn.now, 1),
                goes=[each.name for each in gone],
                candidates=self._told(candidates),
                queued=len(lane.queue),
            )
        return True

    def _never(self, lane: Lane, choices: Sequence[Choice], candidates: Sequence[Candidate]) -> str | None:
        # What is kept for the claims before this one may be had after them.
        free = self._room_for(lane)
        nearest, short = messages.nearest(choices, plus(free, self.ledger.returning()), candidates)
        if not short:
            return None
        holding = (other.profile for other in self._lanes.values() if self._holds(other))
        pinned = [profile.name for profile in holding if profile.warm.pinned]
        self._turn.explain("no_room", lane, None, needs=nearest.peak, free=free, short=short, pinned=pinned)
        return messages.too_little(short, pinned, self.ledger.others, self.ledger.capacity)

    def _not_now(self, claim: Claim, choices: Sequence[Choice], ready: Sequence[Candidate], room: Bytes) -> str:
        """Say why a load that nobody waits for has to wait for quieter times; the same numbers are told once."""
        nearest, short = messages.nearest(choices, plus(room, self.ledger.returning()), ready)
        if self._told_short.get(claim.model) != (claim.why, short):
            self._told_short[claim.model] = (claim.why, short)
            numbers = {"why": claim.why, "variant": nearest.label, "needs": nearest.peak, "free": room, "short": short}
            self._turn.explain("no_room", self._lanes[claim.model], None, **numbers)
        return messages.not_now(short, self.ledger.others)

    def may_fit(self, lane: Lane, why: str) -> bool:
        """Return whether there would be room for a load by what is known now, so that it is worth a check."""
        ready = self._ready(self._candidates(lane, Claim(lane.profile.name, why, self._turn.now)))
        soon = plus(self._room_for(lane), self.ledger.returning())
        return not lane.usable or not messages.nearest(lane.usable, soon, ready)[1]

    def _ready(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return [each for each in candidates if each.free_at is not None and each.free_at <= self._turn.now]

    def _room_for(self, lane: Lane) -> dict[str, int]:
        """Return what may be promised to *lane*: what it keeps while it sleeps is its own."""
        name = lane.profile.name
        asleep = lane.state is State.SLEEPING and self.ledger.stage(name) is Stage.WARM
        return plus(self.ledger.room(), self.ledger.held(name)) if asleep else self.ledger.room()

    def _start(self, lane: Lane, claim: Claim, choice: Choice, room: Bytes) -> None:
        self.drop(lane)
        self._told_short.pop(claim.model, None)
        self.ledger.reserve(claim.model, choice)
        waited = self._turn.now - claim.since
        self._turn.explain(
            "room",
            lane,
            None,
            why=claim.why,
            variant=choice.label,
            needs=choice.peak,
            free=dict(room),
            waited_s=round(waited, 2),
            evicted=list(claim.victims),
        )
        self._loads.begin(lane, choice, claim.why)

    def _candidates(self, lane: Lane, claim: Claim) -> list[Candidate]:
        """Return every model that holds memory and may ever go for *claim*, with what its going costs and when it may."""
        found = []
        for other in self._lanes.values():
            name = other.profile.name
            if other is lane or not self._holds(other) or other.profile.warm.pinned:
                continue
            if self.ledger.stage(name) in (Stage.DOZING, Stage.LEAVING, Stage.GONE):
                continue  # its memory counts as returning already
            if claim.urgency is not Urgency.WAITED_FOR and name in self.declared:
                continue
            cost = self.price(other)
            at = free_at(other, claim, lane, self._turn.now, cost)
            if at is None and claim.urgency is not Urgency.WAITED_FOR:
                continue
            found.append(Candidate(name, cost, self.ledger.held(name), at))
        return found

    def price(self, lane: Lane) -> float:
        """Return what the going of *lane* is expected to cost now (seconds)."""
        return price(lane, self._turn.now, self.demand, declared=lane.profile.name in self.declared)

    def _holds(self, lane: Lane) -> bool:
        return any(self.ledger.held(lane.profile.name).values())

    def _told(self, candidates: Sequence[Candidate]) -> list[dict[str, object]]:
        return [messages.told(each, self._lanes[each.name], self._turn.now) for each in candidates]

    def _in_order(self, lane: Lane) -> list[Choice]:
        """Return the choices of a lane, the one that the plan has for it first."""
        preferred = self.preferred.get(lane.profile.name)
        return sorted(lane.usable, key=lambda choice: choice != preferred)
