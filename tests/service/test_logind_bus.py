"""What logind is asked, and whose word counts: on a real bus."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hostd.service.logind_bus import LogindBus
from tests.service.login1 import Login1, bus


@pytest.fixture
def logind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Login1]:
    """A bus with a logind."""
    with bus(tmp_path, monkeypatch), closing(Login1()) as answering:
        yield answering


def test_takes_a_lock_and_hears_of_sleeps(logind: Login1) -> None:
    """The lock delays sleep alone, and ends with its descriptor; both words of a sleep are heard in their order."""
    with closing(LogindBus()) as asking:
        assert 3.0 == asking.longest_delay()
        lock = asking.take_lock()
        assert ("Inhibit", "sleep", "hostd", "Models are unloaded from graphics cards", "delay") == logind.asked[-1][
            :-1
        ]
        os.close(lock)
        assert b"" == os.read(logind.locks[0], 1)
        logind.say(True)
        logind.say(False)
        assert [True, False] == [asking.next_announcement(), asking.next_announcement()]


def test_nobody_else_is_believed(logind: Login1) -> None:
    """Any program of this machine may send a signal of that name to hostd."""
    with closing(Login1(name=None)) as stranger, closing(LogindBus()) as asking:
        asking.longest_delay()
        stranger.say(True, to=logind.asked[-1][-1])
        stranger.say(True)
        logind.say(False)
        assert False is asking.next_announcement()


def test_a_bus_without_logind_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words are passed on."""
    with (
        bus(tmp_path, monkeypatch),
        closing(LogindBus()) as asking,
        pytest.raises(Exception, match=r"org\.freedesktop\.login1"),
    ):
        asking.take_lock()
