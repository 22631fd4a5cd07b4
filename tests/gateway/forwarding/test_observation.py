"""A sink that observes is told what was said, where it may know it; without one, upstreams are told what they always were."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from hostd.domain.ticket import Route, Target, Ticket
from hostd.gateway.forwarding.downstream import Downstream
from hostd.gateway.forwarding.observation import RecordedDownstream, downstream_for, may_be_shown
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.telemetry.sinks import Exchange, RequestRecord, Sink, Sinks
from tests.stage import CHAT, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")
CLIENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


class Observer(Sink):
    """Keeps what it is told."""

    observes = True

    def __init__(self, *, content: bool = True) -> None:
        self.content = content
        self.told: list[tuple[RequestRecord, Exchange]] = []

    @property
    def takes_content(self) -> bool:
        """Whether it wants answers."""
        return self.content

    def exchanged(self, record: RequestRecord, exchange: Exchange) -> None:
        """Keep it."""
        self.told.append((record, exchange))


@pytest_asyncio.fixture(loop_scope="session")
async def observer(stage: Stage) -> AsyncIterator[Observer]:
    """An observer of the shared daemon."""
    found = Observer()
    stage.app.sinks.observers.append(found)
    yield found
    stage.app.sinks.observers.remove(found)


async def test_answers_are_kept_as_they_were_sent(stage: Stage, observer: Observer) -> None:
    """Whole ones and streams, with the path and the client's trace."""
    whole = await stage.ask("alpha", headers={"traceparent": CLIENT}, max_tokens=3)
    streamed = await stage.stream("alpha", max_tokens=3)
    first, second = observer.told
    assert (whole.body, CLIENT, CHAT) == (first[1].answer, first[1].traceparent, first[1].path)
    assert (streamed.body, None) == (second[1].answer, second[1].traceparent)
    assert "hello" == first[1].request.document["messages"][0]["content"]
    assert whole.headers["x-request-id"] == first[0].id


async def test_each_request_has_a_ticket_of_its_own(stage: Stage, observer: Observer) -> None:
    """Also where its client gives all of them the same id."""
    for _ in range(3):
        await stage.ask("alpha", headers={"X-Request-Id": "mine"}, max_tokens=1)
    assert {"mine"} == {record.id for record, _ in observer.told}
    assert 3 == len({record.ticket for record, _ in observer.told})


async def test_what_is_private_is_not_told(stage: Stage, observer: Observer) -> None:
    """Only that it was asked."""
    await stage.ask("alpha", headers={"x-hostd-privacy": "local"}, max_tokens=1)
    await stage.stream("alpha", headers={"x-hostd-privacy": "local"}, max_tokens=1)
    assert [None, None] == [exchange.answer for _, exchange in observer.told]


async def test_errors_have_no_answer(stage: Stage, observer: Observer) -> None:
    """Of a request that was refused, nothing was answered."""
    await stage.ask("absent")
    assert [None] == [exchange.answer for _, exchange in observer.told]


async def test_no_observer_costs_nothing() -> None:
    """Streams are not kept but for one that takes content."""
    assert Downstream is downstream_for(Sinks())
    assert Downstream is downstream_for(Sinks([Observer(content=False)]))
    assert RecordedDownstream is downstream_for(Sinks([Observer()]))


async def test_what_was_not_scanned_is_not_shown() -> None:
    """Where the owner has requests scanned; nor what was found to hold private data, be it masked; what is private in no case."""
    route = Route("alpha", (Target("alpha"),))
    ticket, clean, found = Ticket("t1", route), RequestTrace("t1"), RequestTrace("t1", screened="mask; found=email")
    assert may_be_shown(ticket, clean, scans=False, scanned=False)
    assert may_be_shown(ticket, clean, scans=True, scanned=True)
    assert not may_be_shown(ticket, clean, scans=True, scanned=False)
    assert not may_be_shown(ticket, found, scans=True, scanned=True)
    private = ticket._replace(route=replace(route, private=True))
    assert not may_be_shown(private, clean, scans=False, scanned=False)
