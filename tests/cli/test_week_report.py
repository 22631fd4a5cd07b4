"""The report of a week as Markdown."""

from typing import Any

from hostd.cli.week_report import markdown
from tests.cli.test_machine_lines import MACHINE
from tests.cli.verbs.test_cost import NONE, TOTAL

FOUND: dict[str, Any] = {
    "days": 7,
    "since": "2026-03-01T12:00:00Z",
    "until": "2026-03-07T12:00:00Z",
    "compare": {"model": "gpt-5"},
    "total": TOTAL | {"compare_usd": 0.0123, "unpriced_requests": 2},
    "roles": [{"name": "a|b", **TOTAL}, {"name": None, **NONE}],
    "models": [],
    "fallbacks": [
        {"role": "planner", "requests": 4, "fallbacks": 3, "share": 0.75, "reasons": {"breaker_open": 2, "": 1}},
        {"role": "writer", "requests": 4, "fallbacks": 0, "share": 0.0, "reasons": {}},
    ],
    "machine": MACHINE,
    "assignments": [{"role": "planner", "what": "75% of 4 requests fell back", "advice": "do something"}],
    "unused_models": [{"model": "idle", "loads": 2, "seconds": 61.5}],
}


def test_a_report_has_its_tables() -> None:
    """A bar in a name ends no cell; a role that never fell back is left out."""
    told = list(markdown(FOUND))
    assert "# hostd, 2026-03-01 to 2026-03-07" == told[0]
    assert told[2].startswith("5 requests, 4 answered, 75% of them without a cloud provider; 4000 tokens of prompts")
    assert "0.2500 USD. The same tokens at gpt-5: 0.0123 USD. The cost of 2 requests is not known." in told[2]
    assert "| role | requests | local | prompt | answer | USD | at gpt-5 |" in told
    assert r"| a\|b | 5 | 75% | 4000 | 500 | 0.2500 | - |" in told
    assert "| no role | 1 | - | 4000 | 500 | 0.0000 | - |" in told
    assert "There were no requests." in told
    assert "| planner | 75% of 4 requests fell back | do something |" in told
    assert any("has paid for itself after 627 days" in line for line in told)
    assert "| planner | 4 | 3 | 75% | breaker_open 2, - 1 |" in told
    assert not any("writer" in line for line in told)
    assert "| idle | 2 | 61.5 |" == told[-1]


def test_an_empty_week_says_so() -> None:
    """In place of tables, and without a share of nothing."""
    total = NONE | {"requests": 0}
    empty = dict.fromkeys(("roles", "fallbacks", "unused_models", "assignments"), ())
    told = list(markdown(FOUND | empty | {"compare": None, "total": total, "machine": None}))
    assert told[2].startswith("0 requests, 0 answered; ")
    assert not any(line.startswith("|") for line in told)
