"""What other hosts have used up, as they tell it: sums that count once, and on their own day."""

from datetime import date

from hostd.domain.budget import Account, Amounts, OthersUse, Owner
from hostd.runtime.others_use import SILENT, OthersTable, UseRow

TODAY, TOMORROW, NEXT_MONTH = date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1)
ALICE = Account(Owner.KEY, "alice")
TWO = OthersUse(Amounts(2.0), Amounts(5.0), Amounts(tokens=100.0))


def row(use: OthersUse = TWO, day: date = TODAY) -> UseRow:
    """Return what a host tells of Alice's key."""
    return UseRow.of(ALICE, use, day)


def test_sums_of_several_hosts_are_added_up() -> None:
    """What is told again counts once, and only what has changed is returned."""
    table = OthersTable()
    table.heard("a", [row()], 0.0)
    table.heard("b", [row()], 0.0)
    assert {ALICE: OthersUse(Amounts(4.0), Amounts(10.0), Amounts(tokens=200.0))} == table.changed(TODAY, 0.0)
    table.heard("a", [row()], 1.0)
    assert {} == table.changed(TODAY, 1.0)
    table.heard("a", [row(OthersUse())], 2.0)
    assert {ALICE: TWO} == table.changed(TODAY, 2.0)
    assert {ALICE: TWO} == table.all(TODAY, 3.0)


def test_what_a_silent_host_had_in_flight_is_over() -> None:
    """Until it is heard again; what it has used up stays."""
    table = OthersTable()
    table.heard("a", [row()], 0.0)
    table.changed(TODAY, 0.0)
    assert {ALICE: TWO._replace(reserved=Amounts())} == table.changed(TODAY, SILENT + 1)
    assert {} == table.changed(TODAY, SILENT + 2)
    table.heard("a", [], SILENT + 3)
    assert {ALICE: TWO} == table.changed(TODAY, SILENT + 3)


def test_days_and_months_end() -> None:
    """Sums of yesterday no longer count today, nor those of the month before."""
    table = OthersTable()
    table.heard("a", [row()], 0.0)
    table.changed(TODAY, 0.0)
    assert {ALICE: TWO._replace(day=Amounts())} == table.changed(TOMORROW, 1.0)
    assert {ALICE: OthersUse(reserved=TWO.reserved)} == table.changed(NEXT_MONTH, 2.0)
    table.heard("a", [row(day=NEXT_MONTH)], 3.0)
    assert {ALICE: TWO} == table.changed(NEXT_MONTH, 3.0)
