"""What all streams have in common that are translated event by event."""

import pytest

from hostd.dialects.event_stream import EventStream
from hostd.dialects.framing import MAX_EVENT
from hostd.domain.errors import HostdError


class Upper(EventStream):
    """A stream that says everything louder; it begins with its second event, and ``data: x`` ends it."""

    @property
    def complete(self) -> bool:
        """Whether it is over."""
        return self.done

    def end(self) -> bytes | None:
        """Return nothing that is missing."""
        return None

    def error_event(self, error: HostdError) -> bytes:
        """Return the error as it is."""
        return error.message.encode()

    def _event(self, event: bytes) -> bytes:
        self.events += 1
        self.begun = self.events > 1
        self.done = event == b"data: x\n\n"
        return event.upper()


@pytest.mark.parametrize("cut", [1, 3, 100])
def test_whole_events(cut: int) -> None:
    """However the bytes are cut; the first is held back until the answer begins, and what follows its end is dropped."""
    stream, said, data = Upper(), b"", b"data: a\n\ndata: b\n\ndata: x\n\ndata: c\n\n"
    for start in range(0, len(data), cut):
        more = stream.feed(data[start : start + cut])
        assert not more or stream.begun
        said += more
    assert b"DATA: A\n\nDATA: B\n\nDATA: X\n\n" == said
    assert stream.settled
    assert 3 == stream.signs
    assert b"" == stream.take_aside()


def test_bounds() -> None:
    """An event without an end, and a beginning without an answer, are none."""
    endless = Upper()
    endless.feed(b"data: " + b"a" * MAX_EVENT)
    assert "MiB" in endless.failure
    silent = Upper()
    silent.feed(b"data: " + b"a" * (1024 * 1024) + b"\n\n")
    assert "no answer" in silent.failure
