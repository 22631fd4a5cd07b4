"""Findings."""

from hostd.doctor.finding import FindingStatus, failed, fine, skipped, warned, worst_first


def test_the_worst_come_first() -> None:
    """Those of one weight stay as they were found."""
    (ok,), (none,) = fine("a"), skipped("b", "c")
    one, two, bad = warned("d", "e", "f"), warned("g", "h", "i"), failed("j", "k", "l")
    assert [bad, one, two, none, ok] == worst_first([ok, none, one, bad, two])
    assert list(FindingStatus) == [bad.status, one.status, none.status, ok.status]


def test_a_finding_is_a_line() -> None:
    """As a test or a log shows it."""
    assert "fail: the disk is full" == str(failed("the disk is full", "of records", "df"))
