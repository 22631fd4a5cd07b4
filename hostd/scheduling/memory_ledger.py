"""The ledger of memory: what is promised of each pool, to whom, and what is left to promise.

A load in flight holds the most that it may take, its transient peak included. A warm engine holds what it may grow to, as far as
is known by then (measurements of loads narrow it), and no less than it was seen to hold. One that was stopped or sleeps holds
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
    SLEEPING = "sleeping"
    STOPPING = "stopping"
    RELEASED = "released"


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
    """Written by the scheduler alone. *capacity* is what our engines may hold of each pool in all."""

    capacity: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    _reservations: dict[str, Reservation] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether any pool is known; without one, everything is taken to fit."""
        return bool(self.capacity)

    def measured(self, pools: Iterable[Pool], held: Mapping[str, Bytes]) -> None:
        """Take in a measurement: *held* is what each model's engine was seen to hold.

        What is in use and not explained by a measured engine is taken to be the engines' for which the driver tells nothing, up
        to what they were promised, and else to belong to other programs.
        """
        released = [
            model
            for model, reservation in self._reservations.items()
            if reservation.state is ReservationState.RELEASED and not held.get(model)
        ]
        for model in released:
            del self._reservations[model]
        for model, reservation in self._reservations.items():
            # A sleeping engine has given its memory back only once that was measured.
            if reservation.state is ReservationState.SLEEPING:
                reservation.state = ReservationState.WARM
                reservation.settle(held.get(model, {}))
            elif reservation.state is ReservationState.WARM and (measured := held.get(model)):
                reservation.settle(measured)
        for model in held.keys() - self._reservations.keys():
            # What it takes could not be foreseen; now it is known.
            self._reservations[model] = Reservation(dict(held[model]), ReservationState.WARM, dict(held[model]))
        for pool in pools:
            # Drivers do not always say which process holds what, so that this may hide memory of our own engines.
            unexplained = pool.total - pool.free - sum(each.get(pool.id, 0) for each in held.values())
            # A load that has taken nothing yet, or was called off before, hides nothing of what others held before it.
            loading = any(
                reservation.state in (ReservationState.LOADING, ReservationState.STOPPING)
                for reservation in self._reservations.values()
            )
            least = min(unexplained, self.others.get(pool.id, 0)) if loading else 0
            for model, reservation in self._reservations.items():
                if not held.get(model, {}).get(pool.id):
                    unexplained -= min(max(0, unexplained), reservation.bytes.get(pool.id, 0))
            self.others[pool.id] = max(0, unexplained, least)
            # The budget is the owner's; what others hold beyond the reserve takes from it.
            self.capacity[pool.id] = max(0, min(pool.budget, pool.total - self.others[pool.id]))

    def free(self) -> dict[str, int]:
        """Return what may still be promised, by pool id; negative where other programs have taken what was promised."""
        left = dict(self.capacity)
        for reservation in self._reservations.values():
            for pool, count in reservation.bytes.items():
                left[pool] = left.get(pool, 0) - count
        return left

    def held(self, model: str) -> Bytes:
        """Return what is promised to a model now."""
        reservation = self._reservations.get(model)
        return reservation.bytes if reservation else {}

    def state(self, model: str) -> ReservationState | None:
        """Return why a model holds memory, None where it holds none."""
        reservation = self._reservations.get(model)
        return reservation.state if reservation else None

    def returning(self) -> dict[str, int]:
        """Return what will be free without another decision, by pool id: of engines that stop, and of peaks that pass."""
        back: dict[str, int] = {}
        for reservation in self._reservations.values():
            if reservation.state is not ReservationState.WARM:
                stays = (
                    reservation.needs
                    if reservation.state in (ReservationState.LOADING, ReservationState.SLEEPING)
                    else {}
                )
                for pool, count in reservation.bytes.items():
                    back[pool] = back.get(pool, 0) + count - stays.get(pool, 0)
        return back

    def reserve(self, model: str, option: LoadOption) -> None:
        """Promise a load what it may take at most.

        Raises:
            Bug: There is no memory for it; the caller has not looked.
        """
        # What the model kept while it slept is part of what it needs awake.
        self._reservations.pop(model, None)
        peak = option.peak
        if excess(peak, self.free()):
            raise Bug(f"'{model}' was promised memory that is not there")
        self._reservations[model] = Reservation(option.needs, ReservationState.LOADING, peak)

    def adopt(self, model: str, option: LoadOption) -> None:
        """Promise a running engine, which was launched as *option* says, what it may grow to, and no less than it holds.

        It holds that already: where other programs have taken what it was promised before, less than nothing is left.
        """
        reservation = Reservation(option.needs, ReservationState.LOADING, {})
        reservation.settle(self.held(model))
        self._reservations[model] = reservation

    def learnt(self, model: str, option: LoadOption) -> None:
        """Note that more is known of what a loaded model takes."""
        if (
            (reservation := self._reservations.get(model))
            and reservation.state is not ReservationState.RELEASED
            and reservation.needs
        ):
            reservation.needs = option.needs

    def warm(self, model: str) -> None:
        """Note that a load has ended well: its transient peak is over."""
        if reservation := self._reservations.get(model):
            reservation.state = ReservationState.WARM
            reservation.settle({})

    def slept(self, model: str, keeps: Bytes) -> None:
        """Note that an engine sleeps and keeps *keeps*; the rest comes back with the next measurement."""
        if reservation := self._reservations.get(model):
            reservation.state, reservation.needs = ReservationState.SLEEPING, keeps

    def stopping(self, model: str) -> None:
        """Note that an engine is being stopped."""
        if reservation := self._reservations.get(model):
            reservation.state = ReservationState.STOPPING

    def stopped(self, model: str) -> None:
        """Note that an engine has ended; what it held comes back with the next measurement."""
        if reservation := self._reservations.get(model):
            reservation.state = ReservationState.RELEASED
