"""Decisions of this run and of earlier ones, each told once."""

from types import SimpleNamespace
from typing import Any, cast

from hostd.gateway.context import AdminServices
from hostd.gateway.last_decisions import last_decisions


def told(at: str) -> dict[str, Any]:
    """Return a decision that was made *at* some time."""
    return {"at": at, "decision": "slept", "model": "m", "request": None, "why": "it slept"}


def services(*now: str, earlier: tuple[str, ...] = ()) -> AdminServices:
    """Return what this run remembers and what was written down; the latter must not be read in vain."""

    def here(last: int, **_about: object) -> list[dict[str, Any]]:
        return [told(at) for at in now][-last:]

    def there(last: int, **_about: object) -> list[dict[str, Any]]:
        assert earlier, "the database is read although enough is remembered"
        return [told(at) for at in earlier][-last:]

    found = {"history": SimpleNamespace(decisions=here), "records": SimpleNamespace(decisions=there)}
    return cast("AdminServices", SimpleNamespace(**found))


async def test_those_of_this_run_are_enough_or_not() -> None:
    """What was written down of this run, too, is told once."""
    assert ["2", "3"] == [each["at"] for each in await last_decisions(services("1", "2", "3"), 2)]
    both = services("3", "4", earlier=("1", "2", "3"))
    assert ["2", "3", "4"] == [each["at"] for each in await last_decisions(both, 3)]
