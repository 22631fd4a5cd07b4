"""What one owner of a budget has used up, and what requests in flight may add to it."""

from collections import deque
from dataclasses import dataclass, field

from hostd.domain.budget import Amounts, Limit, Measure, OthersUse, Period

MINUTE = 60.0
_NOTHING = Amounts()
_NO_OTHERS = OthersUse()


@dataclass(slots=True, eq=False)
class AccountUsage:
    """The sums of the day and of the month, the entries of the last minute with their times, and what is *reserved*.

    Times are on the scheduler's clock. The last minute slides: what a limit of a minute counts at any moment is of the 60 s before.
    What the owner uses up through *others*, hosts that share its budget, counts as well.
    """

    day: Amounts = _NOTHING
    month: Amounts = _NOTHING
    reserved: Amounts = _NOTHING
    others: OthersUse = _NO_OTHERS
    _recent: deque[tuple[float, Amounts]] = field(default_factory=deque)
    _minute: Amounts = _NOTHING

    def add(self, amounts: Amounts, at: float) -> None:
        """Count *amounts* that were used up *at*, which is no earlier than what was added before."""
        self.day, self.month = self.day.plus(amounts), self.month.plus(amounts)
        self.add_recent(amounts, at)

    def add_recent(self, amounts: Amounts, at: float) -> None:
        """Count *amounts* in the last minute alone: the day and the month have them already."""
        self._recent.append((at, amounts))
        self._minute = self._minute.plus(amounts)

    def take(self, others: OthersUse, at: float, *, recent: bool) -> None:
        """Count what is used up through other hosts; *recent* says that what is new of it was used up just now, *at*."""
        added = others.day.plus(self.others.day, -1)
        if recent and any(each > 0 for each in added):
            self.add_recent(Amounts(*(max(0.0, each) for each in added)), at)
        self.others = others

    @property
    def today(self) -> Amounts:
        """What is used up of the day, through all hosts."""
        return self.day.plus(self.others.day)

    @property
    def this_month(self) -> Amounts:
        """What is used up of the month, through all hosts."""
        return self.month.plus(self.others.month)

    @property
    def in_flight(self) -> Amounts:
        """What requests in flight may add, through all hosts."""
        return self.reserved.plus(self.others.reserved)

    def used(self, limit: Limit, now: float) -> float:
        """Return how much is used up of what *limit* limits, without what is reserved."""
        match limit.period:
            case Period.REQUEST:
                return 0.0
            case Period.MINUTE:
                self._forget(now)
                return self._minute.of(limit.measure)
            case Period.DAY:
                return self.day.of(limit.measure) + self.others.day.of(limit.measure)
            case Period.MONTH:
                return self.month.of(limit.measure) + self.others.month.of(limit.measure)

    def frees_in(self, limit: Limit, need: float, now: float) -> float:
        """Return after how many seconds *need* more is within *limit*, one of a minute; a minute where that cannot be told."""
        excess = self.used(limit, now) + self.reserved_of(limit.measure) + need - limit.most
        for at, amounts in self._recent:
            excess -= amounts.of(limit.measure)
            if excess <= 0:
                return min(MINUTE, at + MINUTE - now)
        return MINUTE

    def reserved_of(self, measure: Measure) -> float:
        """Return how much of *measure* requests in flight may use up yet."""
        return self.reserved.of(measure) + self.others.reserved.of(measure)

    def begin(self, *, month: bool) -> None:
        """Begin a day with nothing used up, and with *month* a month, too."""
        self.day = _NOTHING
        if month:
            self.month = _NOTHING
        self.others = self.others._replace(day=_NOTHING, month=_NOTHING if month else self.others.month)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of the owner, so that it may be forgotten."""
        return self.month == self.reserved == self.day == _NOTHING and self.others == _NO_OTHERS and not self._recent

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] <= now - MINUTE:
            self._minute = self._minute.plus(self._recent.popleft()[1], -1)
        if not self._recent:
            # What is left of sums of fractions.
            self._minute = _NOTHING
