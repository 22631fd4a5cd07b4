"""The order of a boot: nothing measures memory, or looks at files, that an earlier daemon's engine still has."""

from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock

from hostd.boot_steps import first_steps, loads, preparations, recalls
from hostd.domain.catalog import Catalog
from hostd.domain.private_data import DetectorSettings, PrivacySettings, ScanAction
from hostd.domain.profile import Role, Settings
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.scheduling.events import Booted, Event


def test_engines_of_an_earlier_daemon_come_first() -> None:
    """Then what they held can be measured; adopted ones are taken over once memory is known."""
    part = MagicMock()
    names = [step.name for step in first_steps(part, None, part, part, part, part)]
    assert "ending the engines of an earlier daemon" == names[0]
    assert names.index("measuring memory") < names.index("waiting for the drivers of graphics cards")
    adopting = [step.name for step in first_steps(part, part, part, part, part, part)]
    assert [*names, "adopting the engines of an earlier daemon"] == adopting


def test_hosts_that_share_state_are_joined_when_the_own_use_is_known() -> None:
    """What this host tells them is then whole; without a server, there is no such step."""
    part = MagicMock()
    assert 2 == len(recalls(part, (), part))
    names = [step.name for step in recalls(part, (part,), part)]
    assert "joining the hosts that share state" == names[1]


async def test_the_first_loads_are_planned_last() -> None:
    """When the options of all models are known, and whatever tells the scheduler more has been started."""
    posted: list[Event] = []
    options, memory, calendar, energy = (MagicMock() for _ in range(4))
    options.find_all = AsyncMock()
    memory.start = lambda _post: posted.append(cast("Any", "memory"))
    calendar.start = lambda: posted.append(cast("Any", "calendar"))
    energy.start = lambda: posted.append(cast("Any", "energy"))
    for step in loads(memory, options, calendar, energy, posted.append):
        await step.run()
    options.find_all.assert_awaited_once()
    assert ["memory", "calendar", "energy", Booted()] == posted


def test_vectors_are_read_where_roles_have_examples_alone() -> None:
    """They take most of a second, which a first request would wait for."""
    plain, by_example = Role("plain", ("a",)), Role("auto", ("a",), route=(RouteRule(("a",), Condition(like=("hi",))),))
    assert [] == preparations(Catalog(Settings(roles={"plain": plain})))
    assert 1 == len(preparations(Catalog(Settings(roles={"plain": plain, "auto": by_example}))))


def test_detectors_are_made_where_requests_are_scanned_alone() -> None:
    """A model takes seconds."""
    unused, used = (
        PrivacySettings(scan, detectors=(DetectorSettings("presidio"),)) for scan in (None, ScanAction.STAY_LOCAL)
    )
    assert [] == preparations(Catalog(Settings(privacy=unused)))
    assert 1 == len(preparations(Catalog(Settings(privacy=used))))
