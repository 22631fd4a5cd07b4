"""``hostd.simulation.trace``."""

import pytest

from hostd.simulation.trace import TraceRequest, read_rows, row_of


def test_rows_come_out_by_time_from_the_first() -> None:
    """Whatever their order and their clock; what is missing is 0, what is unknown does not matter."""
    rows: list[dict[str, object]] = [
        {"at": "1700000007.5", "model": "b", "prompt_tokens": "", "priority": "batch"},
        {"at": 1700000000, "model": "a", "prompt_tokens": 12, "output_tokens": 3},
    ]
    assert [TraceRequest(0.0, "a", 12, 3), TraceRequest(7.5, "b", 0, 0)] == list(read_rows(rows))


def test_no_rows_are_no_requests() -> None:
    """An empty trace is a trace."""
    assert [] == list(read_rows([]))


def test_what_is_written_can_be_read() -> None:
    """A request survives the way through a row, and the session that it is of."""
    for request in (TraceRequest(0.0, "a", 5, 6), TraceRequest(0.0, "a", 5, 6, "s1")):
        assert [request] == list(read_rows([row_of(request)]))
    assert [""] == [each.session for each in read_rows([{"at": 1, "model": "a", "session": None}])]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"at": 0}, "row 2 names no model"),
        ({"model": "a"}, "row 2 has None as at"),
        ({"at": "soon", "model": "a"}, "row 2 has 'soon' as at"),
        ({"at": 1, "model": "a", "output_tokens": -4}, "row 2 has -4 as output_tokens"),
        ({"at": "nan", "model": "a"}, "row 2 has 'nan' as at"),
    ],
)
def test_nonsense_is_named(row: dict[str, object], complaint: str) -> None:
    """The message says which row it is and what is wrong with it."""
    with pytest.raises(ValueError, match=complaint):
        list(read_rows([{"at": 0, "model": "a"}, row]))
