"""The day's requests, and what is counted of their answers."""

from hostd.domain.reason import FallbackReason
from hostd.simulation.day_of_agents import PRIVATE, DayReport, trace
from hostd.simulation.provider_model import ServedRequest


def test_the_same_seed_is_the_same_day() -> None:
    """In order of time; people are at work by day, and a part of all is private."""
    day = trace(7)
    assert day == trace(7)
    assert day != trace(8)
    assert day == sorted(day, key=lambda each: each.at)
    chats = [each.at // 3600 for each in day if each.model.startswith("chat")]
    assert sum(8 <= hour < 18 for hour in chats) > len(chats) / 2
    private = sum(each.model.endswith(PRIVATE) for each in day)
    assert 0.05 < private / len(day) < 0.25


def test_a_job_has_all_its_steps() -> None:
    """For each plan three steps of work, one of research, one text and two small helps."""
    counts = {
        role: sum(each.model.removesuffix(PRIVATE) == role for each in trace(3)) for role in ("engineer", "writer")
    }
    assert counts["engineer"] == 3 * counts["writer"]


def test_what_is_counted() -> None:
    """By role, private or not; of fallbacks the reason."""
    report = DayReport()
    report.served(ServedRequest("writer", "cloud", None, away=True, cost=0.5))
    report.served(ServedRequest("writer" + PRIVATE, "own", FallbackReason.PRIVACY, away=False, cost=None))
    assert (report.requests["writer"], report.local["writer"], report.usd["writer"]) == (2, 1, 0.5)
    assert (report.local_share, report.private_away) == (0.5, 0)
    assert report.lines()[1].split() == ["writer", "2", "50%", "0.5000", "privacy", "1"]
    report.served(ServedRequest("writer" + PRIVATE, "cloud", None, away=True, cost=None))
    assert report.private_away == 1
