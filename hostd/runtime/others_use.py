"""What other hosts have used up of the budgets that they share with this one, as they tell it.

Each host tells what went through it as sums of a day and of a month. A sum may be told twice, or late, and counts once; one of
another day than today's counts no more.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

import msgspec

from hostd.domain.budget import Account, Amounts, OthersUse, Owner

SILENT = 15.0
"""Seconds after which what a host had in flight is taken to be over: it tells at least every five that it is there."""
_NOTHING = OthersUse()


class UseRow(msgspec.Struct, array_like=True, frozen=True):
    """What one owner has used up through one host on *day* (ISO 8601, local) and in its month, and what is in flight there."""

    owner: Owner
    name: str
    day: str
    today: tuple[float, float, float]
    month: tuple[float, float, float]
    reserved: tuple[float, float, float]

    @classmethod
    def of(cls, account: Account, use: OthersUse, day: date) -> "UseRow":
        """Return the row of *account* on *day*."""
        return cls(account.owner, account.name, day.isoformat(), *use)

    @property
    def account(self) -> Account:
        """Whose use it is."""
        return Account(self.owner, self.name)

    def counted(self, today: date, *, alive: bool) -> OthersUse:
        """Return what of it counts *today*; what is in flight only where its host is *alive*."""
        day = today.isoformat()
        return OthersUse(
            Amounts(*self.today) if self.day == day else Amounts(),
            Amounts(*self.month) if self.day[:7] == day[:7] else Amounts(),
            Amounts(*self.reserved) if alive else Amounts(),
        )


class _Host(NamedTuple):
    heard: float
    rows: dict[Account, UseRow]


class OthersTable:
    """The last rows of each other host, and which sums have changed since they were asked for."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}
        self._silent: set[str] = set()
        self._changed: set[Account] = set()
        self._told: dict[Account, OthersUse] = {}
        self._day: date | None = None

    def heard(self, host: str, rows: Iterable[UseRow], now: float) -> None:
        """Take in what *host* tells at *now* (seconds of any steady clock)."""
        known = self._hosts[host].rows if host in self._hosts else {}
        for row in rows:
            known[row.account] = row
            self._changed.add(row.account)
        self._hosts[host] = _Host(now, known)
        if host in self._silent:
            self._silent.discard(host)
            self._changed |= known.keys()

    def changed(self, today: date, now: float) -> Mapping[Account, OthersUse]:
        """Return the sums over all other hosts that are other ones than the last call returned."""
        for name, host in self._hosts.items():
            if host.heard < now - SILENT and name not in self._silent:
                self._silent.add(name)
                self._changed |= host.rows.keys()
        if today != self._day:
            self._day = today
            self._changed |= {account for host in self._hosts.values() for account in host.rows}
        found = {account: self._sum(account, today) for account in self._changed}
        self._changed.clear()
        new = {account: use for account, use in found.items() if use != self._told.get(account, _NOTHING)}
        self._told |= new
        return new

    def all(self, today: date, now: float) -> Mapping[Account, OthersUse]:
        """Return all sums, whether they have changed or not."""
        self.changed(today, now)
        return dict(self._told)

    def _sum(self, account: Account, today: date) -> OthersUse:
        total = _NOTHING
        for name, host in self._hosts.items():
            if (row := host.rows.get(account)) is not None:
                use = row.counted(today, alive=name not in self._silent)
                total = OthersUse(*(had.plus(more) for had, more in zip(total, use, strict=True)))
        return total
