"""The watchdog is fed by way of the scheduler, and the status line tells of the models."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.runtime.dispatcher import Dispatcher
from hostd.scheduling.events import Event, Ticked
from hostd.scheduling.scheduler import Scheduler
from hostd.service.notify import ServiceNotifier
from hostd.service.report import STOP_EXTENSION, ServiceReporter, status_line
from tests.stage import make_profile
from tests.virtual_time import in_virtual_time


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket as systemd has one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def received(manager: socket.socket) -> list[str]:
    """Return what systemd was told."""
    told = []
    while True:
        try:
            told.append(manager.recv(4096).decode())
        except BlockingIOError:
            return told


async def reported(scheduler: Scheduler, notifier: ServiceNotifier, seconds: float) -> list[Event]:
    """Report for so many seconds; return the events that the scheduler has taken in."""
    heard: list[Event] = []
    reporter = ServiceReporter(notifier, Dispatcher(scheduler, {}, heard=heard.append))
    reporter.ready()
    task = asyncio.create_task(reporter.run())
    await asyncio.sleep(seconds)
    task.cancel()
    reporter.stopping()
    return heard


@in_virtual_time
async def test_feeds_the_watchdog_by_the_scheduler(manager: socket.socket, tmp_path: Path) -> None:
    """Each sign of life follows an event that the scheduler has taken in, three within the watchdog's time or more."""
    notifier = ServiceNotifier(str(tmp_path / "notify"), 6.0)
    heard = await reported(Scheduler({"alpha": make_profile("alpha", "/x")}), notifier, 13.0)
    told = received(manager)
    assert "READY=1\nSTATUS=0 of 1 models ready; 0 requests in flight, 0 waiting" == told[0]
    assert told[-1].startswith("STOPPING=1\nEXTEND_TIMEOUT_USEC=20000000\nSTATUS=stopping; ")
    assert {Ticked()} == set(heard)
    assert len(heard) == told.count("WATCHDOG=1") >= 6


@in_virtual_time
async def test_does_not_feed_it_without_decisions(manager: socket.socket, tmp_path: Path) -> None:
    """A scheduler that can take in no event keeps the loop running, and is no reason to say that all is well."""

    class Broken(Scheduler):
        def handle(self, event: Event, now: float) -> list[object]:  # type: ignore[override]
            raise RuntimeError(event, now)

    await reported(Broken({}), ServiceNotifier(str(tmp_path / "notify"), 6.0), 13.0)
    assert "WATCHDOG=1" not in received(manager)


@in_virtual_time
async def test_without_a_watchdog_only_the_status_is_told(manager: socket.socket, tmp_path: Path) -> None:
    """What has not changed is not said again."""
    assert [] == await reported(Scheduler({}), ServiceNotifier(str(tmp_path / "notify")), 13.0)
    assert 2 == len(received(manager))


@in_virtual_time
async def test_a_stop_asks_for_more_time_until_it_is_over(manager: socket.socket, tmp_path: Path) -> None:
    """However long answers take, the time that systemd gives is not over before the next word."""
    reporter = ServiceReporter(ServiceNotifier(str(tmp_path / "notify")), Dispatcher(Scheduler({}), {}))
    task = asyncio.create_task(reporter.run())
    await asyncio.sleep(1.0)
    received(manager)
    reporter.stopping()
    await asyncio.sleep(60.0)
    task.cancel()
    told = received(manager)
    assert len(told) >= 60.0 / STOP_EXTENSION * 2
    assert all(f"EXTEND_TIMEOUT_USEC={STOP_EXTENSION * 1e6:.0f}" in each for each in told)


@in_virtual_time
async def test_a_reload_ends_as_ready(manager: socket.socket, tmp_path: Path) -> None:
    """Whatever came of it, with what is amiss since; not while the daemon stops."""
    troubles = list[str]()
    notifier, dispatcher = ServiceNotifier(str(tmp_path / "notify")), Dispatcher(Scheduler({}), {})
    reporter = ServiceReporter(notifier, dispatcher, lambda: next(iter(troubles), None))
    with reporter.reloading():
        troubles.append("it has mistakes")
    began, ended = received(manager)
    assert began.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert "READY=1\nSTATUS=0 of 0 models ready; 0 requests in flight, 0 waiting; it has mistakes" == ended
    with reporter.reloading():
        reporter.stopping()
    assert received(manager)[-1].startswith("STOPPING=1")


def test_the_status_names_some_models() -> None:
    """Of many models a few are named; those that are cold are only counted."""
    scheduler = Scheduler({f"m{number}": make_profile(f"m{number}", "/x") for number in range(9)})
    assert "0 of 9 models ready; 0 requests in flight, 0 waiting" == status_line(scheduler.view())
