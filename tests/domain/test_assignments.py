"""What looks wrong with the models of a role."""

import pytest

from hostd.domain.assignments import RoleUse, hints

GOOD = RoleUse("writer", "big", True, False, 100, 98, 2, "queue_timeout", 50.0, 90.0, 98_000, 30_000)


@pytest.mark.parametrize(
    ("use", "what", "advice"),
    [
        (GOOD._replace(fell_back=40), "40% of 100 requests fell back, most to 'big' (queue_timeout)", "max_concurrent"),
        (GOOD._replace(fell_back=40, reason="check_failed", first=False), "(check_failed)", "put 'big' first"),
        (GOOD._replace(fell_back=40, reason="crashed"), "(crashed)", "hostd why"),
        (GOOD._replace(ttft=98 * 12.0), "12.0 s to the first token", "thinking: off"),
        (GOOD._replace(waited=98 * 6.0), "waited 6.0 s for 'big'", "more slots"),
        (
            GOOD._replace(away=True, prompt_tokens=98 * 200, output_tokens=98 * 50, usd=1.5),
            "answered 98 requests of 200 and 50 tokens on average, for 1.50 USD",
            "machine",
        ),
    ],
)
def test_what_looks_wrong(use: RoleUse, what: str, advice: str) -> None:
    """With the numbers behind it, and what might be done."""
    (hint,) = hints([use])
    assert hint.role == "writer"
    assert what in hint.what
    assert advice in hint.advice


def test_what_looks_right_is_not_mentioned() -> None:
    """Nor is a role that was hardly used."""
    assert hints([GOOD, GOOD._replace(model="small", first=False)]) == []
    assert hints([GOOD._replace(requests=10, answered=10, fell_back=10)]) == []
