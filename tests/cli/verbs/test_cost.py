"""``hostd cost``."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.recorded import Daemon, Ran

TOTAL: dict[str, Any] = {
    "requests": 5,
    "answered": 4,
    "answered_locally": 3,
    "local_share": 0.75,
    "prompt_tokens": 4000,
    "output_tokens": 500,
    "usd": 0.25,
    "compare_usd": None,
    "uncounted_requests": 0,
    "unpriced_requests": 0,
}
NONE = TOTAL | {"requests": 1, "answered": 0, "local_share": None, "usd": 0.0}
FOUND: dict[str, Any] = {
    "by": "role",
    "days": 30,
    "since": "2026-03-01T00:00:00Z",
    "compare": None,
    "groups": [{"name": "planner", **TOTAL}, {"name": None, **NONE}],
    "total": TOTAL,
}


def test_the_table_ends_with_the_total(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """A group without a name or an answer has a dash."""
    daemon.on("GET /hostd/v1/cost?by=role&days=30", FOUND)
    ran = hostd("cost", "--by", "role", "--url", daemon.url)
    assert (0, "") == (ran.code, ran.err)
    assert [
        "ROLE REQUESTS LOCAL PROMPT ANSWER USD",
        "planner 5 75% 4000 500 0.2500",
        "- 1 - 4000 500 0.0000",
        "total 5 75% 4000 500 0.2500",
    ] == [" ".join(line.split()) for line in ran.out.splitlines()]
    assert FOUND == json.loads(hostd("cost", "--by", "role", "--json", "--url", daemon.url).out)


def test_another_model_is_a_column(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """And what the sums leave out is said beside the table."""
    total = TOTAL | {"compare_usd": 0.0123, "uncounted_requests": 2, "unpriced_requests": 1}
    found = FOUND | {"groups": [], "total": total, "compare": {"model": "openai/gpt-5"}}
    daemon.on("GET /hostd/v1/cost?by=model&days=7&compare=openai%2Fgpt-5", found)
    ran = hostd("cost", "--days", "7", "--compare", "openai/gpt-5", "--url", daemon.url)
    head, last = ran.out.splitlines()
    assert (True, True) == (head.endswith("AT openai/gpt-5"), last.endswith("0.0123"))
    assert ["1 requests", "2 answers"] == [" ".join(line.split()[1:3]) for line in ran.err.splitlines()]


def test_a_narrow_terminal_keeps_the_names(
    daemon: Daemon, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokens give way."""
    monkeypatch.setenv("COLUMNS", "34")
    daemon.on("GET /hostd/v1/cost?by=role&days=30", FOUND)
    head, first, *_ = hostd("cost", "--by", "role", "--url", daemon.url).out.splitlines()
    assert (["ROLE", "REQUESTS", "LOCAL", "USD"], ["planner", "5", "75%", "0.2500"]) == (head.split(), first.split())


def test_mistakes_have_their_exit_codes(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """2 for what is no option's value, 3 where no daemon answers."""
    assert [2, 2] == [hostd("cost", *wrong, "--url", daemon.url).code for wrong in (("--by", "week"), ("--days", "0"))]
    assert 3 == hostd("cost", "--url", "http://127.0.0.1:9").code
