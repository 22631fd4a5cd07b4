"""The ledger of memory: what is promised of each pool, to whom, and what is left to promise.

A load in flight holds the most that it may take, its transient peak included. A warm engine holds what it may grow to, as far as
is known by then (measurements of loads narrow it), and no less than it was seen to hold. One that has gone or sleeps holds
everything until the memory has been measured again, so that nothing is promised twice before it was seen to be back. What other
programs hold is whatever the measurement shows beyond our engines. No pool is ever promised beyond its budget, nor beyond what
others leave of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hostd.domain.errors import Bug
from hostd.domain.host import Pool
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess


class ReservationState(StrEnum):
    """Why a model holds memory."""

    LOADING = "loading"
    WARM = "warm"
    SLEEPING = "dozing"
    STOPPING = "leaving"
    RELEASED = "gone"


@dataclass(slots=True)
class Reservation:
    """What one model holds. *needs* is what it may grow to, *bytes* what counts against each pool now."""

    needs: Bytes
    state: ReservationState
    bytes: dict[str, int]

    def settle(self, measured: Bytes) -> None:
        """Count what was *measured* where that is more than was thought possible."""
        pools = {*self.needs, *measured}
        self.bytes = {pool: max(self.needs.get(pool, 0), measured.get(pool, 0)) for pool in pools}


@dataclass(slots=True)
class MemoryLedger:
    """One writer: the desk. *capacity* is what our engines may hold of each pool in all."""

    capacity: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    _holdings: dict[str, Reservation] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether any pool is known; without one, everything is taken to fit."""
        return bool(self.capacity)

    def measured(self, pools: Iterable[Pool], held: Mapping[str, Bytes]) -> None:
        """Take in a measurement: *held* is what each model's engine was seen to hold.

        What is in use and not explained by a measured engine is taken to be the engines' for which the driver tells nothing, up
        to what they were promised, and else to belong to other programs.
        """
        gone = [
            model
            for model, holding in self._holdings.items()
            if holding.state is ReservationState.RELEASED and not held.get(model)
        ]
        for model in gone:
            del self._holdings[model]
        for model, holding in self._holdings.items():
            if holding.state is ReservationState.SLEEPING:
                holding.state = ReservationState.WARM
                holding.settle(held.get(model, {}))
            elif holding.state is ReservationState.WARM and (measured := held.get(model)):
                holding.settle(measured)
        for model in held.keys() - self._holdings.keys():
            # Nobody could foresee what it takes; now it is known.
            self._holdings[model] = Reservation(dict(held[model]), ReservationState.WARM, dict(held[model]))
        for pool in pools:
            unexplained = pool.total - pool.free - sum(each.get(pool.id, 0) for each in held.values())
            # A load that has taken nothing yet, or was called off before, hides nothing of what others held before it.
            loading = any(
                holding.state in (ReservationState.LOADING, ReservationState.STOPPING)
                for holding in self._holdings.values()
            )
            least = min(unexplained, self.others.get(pool.id, 0)) if loading else 0
            for model, holding in self._holdings.items():
                if not held.get(model, {}).get(pool.id):
                    unexplained -= min(max(0, unexplained), holding.bytes.get(pool.id, 0))
            self.others[pool.id] = max(0, unexplained, least)
            self.capacity[pool.id] = max(0, min(pool.budget, pool.total - self.others[pool.id]))

    def free(self) -> dict[str, int]:
        """Return what may still be promised, by pool id; negative where other programs have taken what was promised."""
        left = dict(self.capacity)
        for holding in self._holdings.values():
            for pool, count in holding.bytes.items():
                left[pool] = left.get(pool, 0) - count
        return left

    def held(self, model: str) -> Bytes:
        """Return what is promised to a model now."""
        holding = self._holdings.get(model)
        return holding.bytes if holding else {}

    def state(self, model: str) -> ReservationState | None:
        """Return why a model holds memory, None where it holds none."""
        holding = self._holdings.get(model)
        return holding.state if holding else None

    def returning(self) -> dict[str, int]:
        """Return what is on its way back, by pool id: of engines that go, and of loads that will be over."""
        back: dict[str, int] = {}
        for holding in self._holdings.values():
            if holding.state is not ReservationState.WARM:
                stays = holding.needs if holding.state in (ReservationState.LOADING, ReservationState.SLEEPING) else {}
                for pool, count in holding.bytes.items():
                    back[pool] = back.get(pool, 0) + count - stays.get(pool, 0)
        return back

    def reserve(self, model: str, option: LoadOption) -> None:
        """Promise a load what it may take at most.

        Raises:
            Bug: There is no room for it; whoever asked has not looked.
        """
        self._holdings.pop(model, None)
        peak = option.peak
        if excess(peak, self.free()):
            raise Bug(f"'{model}' was promised memory that is not there")
        self._holdings[model] = Reservation(option.needs, ReservationState.LOADING, peak)

    def learnt(self, model: str, option: LoadOption) -> None:
        """Note that more is known of what a loaded model takes."""
        if (holding := self._holdings.get(model)) and holding.state is not ReservationState.RELEASED and holding.needs:
            holding.needs = option.needs

    def warm(self, model: str) -> None:
        """Note that a load has ended well: its transient peak is over."""
        if holding := self._holdings.get(model):
            holding.state = ReservationState.WARM
            holding.settle({})

    def slept(self, model: str, keeps: Bytes) -> None:
        """Note that an engine sleeps and keeps *keeps*; the rest comes back with the next measurement."""
        if holding := self._holdings.get(model):
            holding.state, holding.needs = ReservationState.SLEEPING, keeps

    def stopping(self, model: str) -> None:
        """Note that an engine has been told to go."""
        if holding := self._holdings.get(model):
            holding.state = ReservationState.STOPPING

    def stopped(self, model: str) -> None:
        """Note that an engine has ended; what it held comes back with the next measurement."""
        if holding := self._holdings.get(model):
            holding.state = ReservationState.RELEASED
