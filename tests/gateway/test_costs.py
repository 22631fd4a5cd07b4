"""The owner sees what requests came to."""

import pytest

from tests.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_slips_are_refused(stage: Stage) -> None:
    """With what to write in their place."""
    for query, param in (
        ("by=week", "by"),
        ("by=", "by"),
        ("days=0", "days"),
        ("days=99999", "days"),
        ("days=x", "days"),
    ):
        refused = await stage.get(f"/hostd/v1/cost?{query}")
        assert (400, param) == (refused.status, refused.error["param"])
    unknown = await stage.get("/hostd/v1/cost?compare=gpt-5.1-mini")
    assert (404, "model_not_found", True) == (
        unknown.status,
        unknown.error["code"],
        "gpt-5.1" in unknown.error["message"],
    )


async def test_longest_spans_are_shown(stage: Stage) -> None:
    """A century back, with the price that was compared with and its date."""
    shown = (await stage.get("/hostd/v1/cost?days=36500&compare=gpt-5&by=day")).json
    assert ("day", 36_500) == (shown["by"], shown["days"])
    assert {"model": "gpt-5", "input_usd_per_million": 1.25, "output_usd_per_million": 10.0}.items() <= shown[
        "compare"
    ].items()
    assert shown["compare"]["as_of"] > "2026"
    assert shown["total"]["requests"] == sum(each["requests"] for each in shown["groups"])


async def test_a_report_has_both_groups(stage: Stage) -> None:
    """Of the same requests as the total; and refuses what the sums refuse."""
    shown = (await stage.get("/hostd/v1/report?days=2&compare=gpt-5")).json
    assert (2, "gpt-5") == (shown["days"], shown["compare"]["model"])
    assert shown["total"]["requests"] == sum(each["requests"] for each in shown["models"])
    assert 400 == (await stage.get("/hostd/v1/report?days=0")).status
    assert 404 == (await stage.get("/hostd/v1/report?compare=no-such")).status
