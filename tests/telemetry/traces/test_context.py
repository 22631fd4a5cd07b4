"""A trace goes on where the client's header can be read, and the ids of spans need nobody to keep them."""

import pytest

from hostd.telemetry.traces.context import TraceContext, span_id_of, trace_id_of

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_reads_and_writes_the_header() -> None:
    """There and back; a later version may say more."""
    context = TraceContext.parse(GIVEN)
    assert TraceContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, sampled=True) == context
    assert context is not None
    assert GIVEN == context.header()
    assert context == TraceContext.parse("cc" + GIVEN[2:] + "-what-comes-later")
    assert context._replace(sampled=False) == TraceContext.parse(GIVEN[:-1] + "0")


@pytest.mark.parametrize(
    "header",
    [None, "", "ff" + GIVEN[2:], GIVEN.upper(), GIVEN[:-3], GIVEN.replace("b7ad6b7169203331", "0" * 16), GIVEN + "0"],
)
def test_what_is_no_header(header: str | None) -> None:
    """It begins a trace of its own."""
    assert TraceContext.parse(header) is None


def test_ids_belong_to_requests_and_their_parts() -> None:
    """The same every time, others for another request or part, never zero."""
    assert (trace_id_of("a"), span_id_of("a")) == (trace_id_of("a"), span_id_of("a"))
    assert 5 == len(
        {span_id_of("a"), span_id_of("a", "1"), span_id_of("a", "2"), span_id_of("b"), span_id_of("b", "1")}
    )
    assert 0 < trace_id_of("a") < 1 << 128
    assert 0 < span_id_of("a") < 1 << 64
