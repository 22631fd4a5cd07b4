"""A day of agents: the roles that ship with a machine, its three models, and a provider that fails and may cost so much."""

import sys
from collections import Counter
from collections.abc import Mapping

import pytest

from hostd.config.starter_roles import FOR_PEOPLE
from hostd.domain.profile import Role
from hostd.simulation.day_of_agents import DayReport, run_day, trace
from hostd.simulation.host_model import SimulatedHost
from hostd.simulation.provider_model import Outage
from tests.journeys.agents_machine import CLOUD, SIX, declared, simulated, six_roles

NOON = Outage(CLOUD.model, 12 * 3600.0, 13 * 3600.0)
Machine = tuple[SimulatedHost, list[Role]]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The Mac of a preset, and its six roles."""
    settings = declared(tmp_path_factory.mktemp("mac"))
    return simulated(settings), six_roles(settings)


def _day(machine: Machine, cap: float, *outages: Outage, seed: int = 1) -> DayReport:
    report = run_day(*machine, trace(seed), outages, cap)
    sys.stdout.write("\n" + "\n".join(report.lines()) + "\n")
    return report


def _away(report: DayReport) -> Mapping[str, int]:
    return {role: count - report.local[role] for role, count in report.requests.items()}


def test_a_day(machine: Machine) -> None:
    """Everything is answered, most of it here; what is away are the two roles that write for people, and nothing private."""
    report = _day(machine, 100.0)
    assert set(report.requests) == set(SIX)
    assert report.refused == 0
    assert report.requests.total() == len(trace(1))
    assert {role for role, count in _away(report).items() if count} == set(FOR_PEOPLE)
    assert report.private_away == 0
    assert 0.8 < report.local_share < 0.95
    private = sum(each.model in {f"{role} (private)" for role in FOR_PEOPLE} for each in trace(1))
    kept = sum(report.fallbacks[role]["privacy"] + report.fallbacks[role]["queue_timeout"] for role in FOR_PEOPLE)
    assert 0 < private <= kept
    assert 1.0 < sum(report.usd.values()) < 5.0


def test_a_provider_that_is_down_is_stood_in_for(machine: Machine) -> None:
    """By the machine; the breaker spares most requests the wait, and nobody else notices."""
    calm, report = _day(machine, 100.0), _day(machine, 100.0, NOON)
    assert report.refused == 0
    why = sum((report.fallbacks[role] for role in FOR_PEOPLE), Counter[str]())
    assert why["status_5xx"] + why["breaker_open"] > 3
    assert report.local_share > calm.local_share
    assert sum(report.usd.values()) < sum(calm.usd.values())


def test_a_cap_on_money_holds(machine: Machine) -> None:
    """What is left of the day is then answered here."""
    report = _day(machine, 0.5)
    assert sum(report.usd.values()) <= 0.5
    assert sum(report.fallbacks[role]["budget"] for role in FOR_PEOPLE) > 20
    assert report.refused == 0


def _outage(seed: int) -> Outage:
    """Return an outage at another time of the day."""
    return NOON._replace(begin=seed * 3600.0, end=(seed + 4) * 3600.0)


@pytest.mark.parametrize("seed", range(2, 6))
def test_other_days(machine: Machine, seed: int) -> None:
    """Whatever the day: all answered, nothing private away, no money beyond the cap."""
    report = _day(machine, 0.8, _outage(seed), seed=seed)
    assert (report.refused, report.private_away) == (0, 0)
    assert sum(report.usd.values()) <= 0.8
