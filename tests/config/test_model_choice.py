"""What models suffice for is checked with the role: names, levels, and whether one of them is enough for anything."""

from collections.abc import Callable

import pytest

from hostd.domain.model_choice import Stages, TaskType, ability
from hostd.domain.profile import Settings

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]

_FILES = {name: f"name: {name}\nvariants: [{{backend: llamacpp, path: x}}]\n" for name in ("a", "b")}


def _role(suffices: str) -> str:
    return f"roles: {{auto: {{use: [a, b], suffices: {suffices}}}}}"


def test_levels_are_read_in_both_forms(load_files: Load) -> None:
    """A number alone is for any type of task; a role without them chooses nothing."""
    suffices = load_files(_role("{a: {any: 2, code: 5}, b: 10}"), **_FILES).roles["auto"].suffices
    assert (5, 2, 10) == (
        ability(suffices, "a", TaskType.CODE),
        ability(suffices, "a", TaskType.CHAT),
        ability(suffices, "b", TaskType.CODE),
    )
    assert not load_files("roles: {auto: {use: [a, b]}}", **_FILES).roles["auto"].suffices
    for word, stages in (("off", Stages.OFF), ("on", Stages.ON), ("'off'", Stages.OFF)):
        role = load_files(_role(f"{{a: 3}}, stages: {word}"), **_FILES).roles["auto"]
        assert role.stages is stages


@pytest.mark.parametrize(
    ("suffices", "at", "told"),
    [
        ("{c: 3}", "c: 3", "does not use 'c'"),
        ("{a: 3, b: 9}", "suffices", "no model of role 'auto' suffices for any task of complexity 10"),
        ("{a: 3, b: {any: 10, code: 9, chat: 0}}", "suffices", "suffices for chat or code of complexity 10"),
        ("{a: 3, b: {code: 10}}", "suffices", "suffices for chat or knowledge or writing or text or reasoning of"),
        ("{a: 11}", "11", "11 is no complexity"),
        ("{a: -1}", "-1", "out of range"),
        ("{a: much}", "much", "no whole number"),
        ("{a: {coding: 3}}", "coding", "unknown key 'coding'"),
        ("{a: 3}, stages: up", "up}", "'up' is not one of"),
        ("{}, stages: on", "stages", "does nothing without `suffices`"),
        ("{}, minute_usd: 1", "minute_usd", "does nothing without `suffices`"),
        ("{a: 3}, minute_usd: -1", "-1", "no number of at least 0"),
    ],
)
def test_mistakes_are_told_where_they_are(problems: Problems, suffices: str, at: str, told: str) -> None:
    """Each once, with file, line and column."""
    found = problems(_role(suffices), **_FILES)
    assert len(found) == 1, found
    assert found[0].startswith(f"hostd.yaml:1:{_role(suffices).index(at) + 1}: ")
    assert told in found[0]
