"""The state is computed once for all who follow it."""

from collections.abc import Iterator
from typing import Any

import pytest

from hostd.domain.errors import Bug, CapacityError
from hostd.gateway.events import feed
from hostd.gateway.events.feed import DECISIONS, PAST, EventFeed, Follower, Place, event
from hostd.scheduling.model_decisions import StopCompleted
from hostd.telemetry.recent_events import RecentEvents
from tests.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Services:
    """As much of the services as a feed needs whose states are scripted."""

    def __init__(self, most: int = 200) -> None:
        self.recent = RecentEvents(most)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Looks at a state that differs each second time; how many there were."""
    looks: list[int] = []

    def state(_services: Any) -> dict[str, Any]:
        looks.append(len(looks))
        return {"half": len(looks) // 2}

    monkeypatch.setattr(feed, "STATES", {"status": state})
    monkeypatch.setattr(feed, "EVERY", 0.001)
    return looks  # type: ignore[return-value]


def _feed(services: Services, most: int = 100) -> EventFeed:
    return EventFeed(services, lambda: most)  # type: ignore[arg-type]


async def test_a_hundred_followers_cost_one_look(counted: list[int]) -> None:
    """Each look is for all of them, all are sent the same bytes, and the last one that leaves ends it."""
    services = Services()
    made = _feed(services)
    followers = [Follower(made, ("status", PAST), Place.newest(services.recent)) for _ in range(100)]
    with made.followed(), made.followed():
        assert {b'event: status\ndata: {"half":0}\n\n'} == {each.take() for each in followers}
        assert {b""} == {each.take() for each in followers}
        for _ in range(3):
            await made.changed()
        assert 4 == len(counted)
        assert 1 == len({each.take() for each in followers})
    with pytest.raises(Bug):
        await made.changed()
    assert 4 == len(counted)


async def test_entries_are_made_once(counted: list[int]) -> None:
    """Followers who know as much get the same object; each entry is told once, and those that are lost are counted."""
    services = Services(most=4)
    made = _feed(services)
    with made.followed():
        one, other = (Follower(made, (DECISIONS,), Place.newest(services.recent)) for _ in range(2))
        for model in "abcde":
            services.recent.decided(StopCompleted(model, 0), 0.0)
        # How often a follower reads does not matter: there is nothing new until the state is looked at again.
        assert b"" == one.take()
        await made.changed()
        services.recent.decided(StopCompleted("f", 0), 0.0)
        first = one.take()
        assert first == other.take()
        assert made.entries(DECISIONS, 0) is made.entries(DECISIONS, 0)
        assert b'"model":"c"' in first
        assert b'"model":"b"' not in first
        assert b'"model":"f"' not in first
        assert b'"left_out":2' in first
        assert first.endswith(f"id: {services.recent.epoch}-5-0\n\n".encode())
        assert b"" == one.take()
        await made.changed()
        assert [b'"model":"f"' in each.take() for each in (one, other)] == [True, True]


async def test_a_mistake_ends_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers are told that the state cannot be shown; the next one has it tried again."""
    broken = [False]

    def state(_services: Any) -> dict[str, Any]:
        if broken[0]:
            raise KeyError("ours")
        return {}

    monkeypatch.setattr(feed, "STATES", {"status": state})
    monkeypatch.setattr(feed, "EVERY", 0.001)
    made = _feed(Services())
    with made.followed():
        await made.changed()
        broken[0] = True
        await made.changed()
        with pytest.raises(Bug):
            await made.changed()
        with pytest.raises(KeyError), made.followed():
            pass
        broken[0] = False
        with made.followed():
            await made.changed()


async def test_there_is_a_bound() -> None:
    """Whoever would be one too many is told when to come back."""
    with pytest.raises(CapacityError, match="follow events already"), _feed(Services(), most=0).followed():
        pass


@pytest.mark.parametrize("text", ["", "x", "{epoch}-1", "{epoch}-3-0", "{epoch}--1-0", "00000000-0-0", "{epoch}-0-0"])
async def test_no_other_place_is_resumed(text: str) -> None:
    """One of another run, one in the future, and one from which on entries are lost."""
    recent = RecentEvents(most=1)
    for _ in range(2):
        recent.decided(StopCompleted("a", 0), 0.0)
    assert None is Place.to_resume(text.format(epoch=recent.epoch), recent)
    assert Place(recent.epoch, 1, 0) == Place.to_resume(f"{recent.epoch}-1-0", recent)


async def test_what_json_has_no_word_for_is_text() -> None:
    """A path in a number, as decisions of engines may have it, costs no stream."""
    assert b'event: x\ndata: {"a":"1j"}\n\n' == event("x", {"a": 1j})


async def test_says_how_many_follow(stage: Stage) -> None:
    """Its text is a status line."""
    made = EventFeed(stage.app.for_admin(), lambda: 2)
    with made.followed():
        assert "<EventFeed 1 followers>" == repr(made)
