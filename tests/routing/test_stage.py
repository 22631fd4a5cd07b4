"""Failures again and again move an agent's next step up, progress moves it back, and one failure moves nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.tool_steps import ToolStep
from hostd.domain.model_choice import Difficulty, Stages, TaskType
from hostd.domain.profile import Role
from hostd.routing.features import Features
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router
from hostd.routing.stage import PROGRESS, TROUBLE, looks_at_steps, stage_of
from tests.routing.routing_stage import catalog, models
from tests.scheduling.scenario import profile

_USE = ("small", "medium", "large")
_ROLE = Role("auto", _USE, suffices={"small": {"any": 3}, "medium": {"any": 6}})
_FAILS = ToolStep("bash", "pytest", "E   assert 1 == 2\n=== 1 failed, 3 passed in 0.2s ===")
_LANDS = ToolStep("edit_file", "a.py", "The file has been updated")
_READS = ToolStep("read_file", "a.py", "def f():\n    raise ValueError('error: no')")


@pytest.mark.parametrize(
    "result",
    [
        "Traceback (most recent call last):\n  File",
        "error: expected one of",
        "Error: ENOENT",
        "bash: foo: command not found",
        "Exit code 1",
        "exited with code 127",
        "3 failed, 2 passed",
        "src/a.ts(3,1): error TS2304: Cannot find name",
        "error[E0425]: cannot find value",
        "FAIL  src/app.test.js",
        "thread 'main' panicked at src/main.rs",
        "ValueError: bad",
        "java.lang.NullPointerException: null",
        "cat: x: No such file or directory",
        '{"output": "make: ***", "metadata": {"exit_code": 2, "duration_seconds": 0.1}}',
        '{"isError": true, "content": []}',
        '{"success": false}',
    ],
)
def test_failures_are_known_by_how_programs_tell_them(result: str) -> None:
    """Whatever the tool is called; one that shows files fails only where the client says so."""
    assert stage_of([ToolStep("shell", "", result)]).failed == 1
    assert stage_of([ToolStep("read_file", "", result)]).failed == 0
    assert stage_of([ToolStep("read_file", "", result, failed=True)]).failed == 1


@pytest.mark.parametrize(
    "result",
    [
        "0 failed, 12 passed",
        "no errors",
        "error_handler.py\nfailover.md",
        "exit code 0",
        "",
        "Found 0 errors",
        '{"exit_code":0}',
        '{"success": true}',
    ],
)
def test_what_only_sounds_like_a_failure_is_none(result: str) -> None:
    """Names of files, and noughts."""
    assert stage_of([ToolStep("shell", "", result)]).failed == 0


@pytest.mark.parametrize(
    ("tool", "arguments", "landed"),
    [
        ("Edit", '{"file_path": "a.py"}', 1),
        ("search_replace", "{}", 1),
        ("apply_patch", "*** Begin Patch", 1),
        ("mcp__github__create_issue", "{}", 1),
        ("TodoWrite", '{"todos": []}', 0),
        ("update_plan", "{}", 0),
        ("str_replace_based_edit_tool", '{"command": "view", "path": "a"}', 0),
        ("str_replace_based_edit_tool", '{"command": "create", "path": "a"}', 1),
        ("Bash", '{"command": "ls"}', 0),
    ],
)
def test_progress_is_what_was_written(tool: str, arguments: str, landed: int) -> None:
    """Not what was planned or shown; an edit that failed is none, whatever words of reading its tool has."""
    assert stage_of([ToolStep(tool, arguments, "done")]).landed == landed
    if landed:
        assert stage_of([ToolStep(tool, arguments, "Error: no match")])[2:] == (1, 1, 0, 0)


def test_trouble_needs_more_than_one_failure() -> None:
    """Two at once, or the same complaint after two changes, or the same call thrice; progress between them counts against it."""

    def net(*steps: ToolStep) -> float:
        stage = stage_of(steps)
        return stage.trouble - stage.progress

    other = _FAILS._replace(result="Error: another")
    assert net(_FAILS) < TROUBLE
    assert net(_FAILS, other) >= TROUBLE
    again = _FAILS._replace(result=_FAILS.result.replace("0.2s", "0.7s"))
    assert net(_FAILS, _LANDS, again) < TROUBLE <= net(_FAILS, _LANDS, again, _LANDS, again)
    assert net(_FAILS, _LANDS, other) < TROUBLE
    assert net(_FAILS, other, _LANDS, _LANDS) < TROUBLE
    assert net(_READS, _READS) == 0.0
    assert net(*[_READS] * 5) >= TROUBLE
    assert -net(_LANDS) < PROGRESS <= -net(_LANDS, _LANDS)


class _Agent:
    """An agent in one conversation with a role of three models."""

    def __init__(self, role: Role = _ROLE, **contexts: int) -> None:
        known = [profile(name, context=contexts.get(name)) for name in _USE]
        self.router = Router(catalog(*known, roles=(role,)))
        self.steps: list[ToolStep] = []
        self.answered("small", pending=False)

    def query(self, *, pending: bool = True, tokens: int = 0) -> RouteQuery:
        """Return its next request."""
        now = datetime(2026, 11, 30, tzinfo=UTC)
        steps = tuple(self.steps[-8:])
        return RouteQuery(
            "auto", features=Features("do it", 9, now, awaits_model=pending, session="s", steps=steps), tokens=tokens
        )

    def answered(self, model: str, *, pending: bool = True) -> None:
        """Have *model* answer."""
        self.router.sessions.answered(self.query(pending=pending), model, Difficulty(2, TaskType.CODE))

    def goes_on(self, *steps: ToolStep) -> tuple[str, str]:
        """Return who answers, and why, after each of *steps* was answered; the last answer."""
        for step in steps:
            self.steps.append(step)
            route = self.router.route(self.query())
            self.answered(models(route)[0])
        return models(route)[0], route.why


def test_trouble_moves_up_by_one_and_progress_back() -> None:
    """After a move the new model has its own chance; it is left when its own steps say so, and never below the first one."""
    agent = _Agent()
    assert agent.goes_on(_LANDS, _FAILS) == ("small", "session (a tool's result is pending)")
    assert agent.goes_on(_FAILS) == ("medium", "stage (up from small: 2 of 3 results failed)")
    assert agent.goes_on(_READS)[0] == "medium"
    assert agent.goes_on(_FAILS, _FAILS)[0] == "large"
    assert agent.goes_on(_FAILS, _FAILS, _FAILS)[0] == "large"
    agent = _Agent()
    agent.goes_on(_FAILS, _FAILS)
    assert agent.goes_on(_LANDS, _LANDS) == ("small", "stage (down from medium: 2 of 2 results are progress)")
    assert agent.goes_on(_LANDS, _LANDS, _LANDS)[0] == "small"


def test_a_new_word_of_the_user_begins_anew() -> None:
    """What the tools answered before was for another task."""
    agent = _Agent()
    agent.goes_on(_FAILS, _FAILS)
    agent.answered("medium", pending=False)
    agent.steps.clear()
    assert agent.goes_on(_LANDS, _LANDS, _LANDS)[0] == "medium"


def test_nothing_moves_where_the_owner_does_not_want_it() -> None:
    """By `stages: off`, or because nothing says which model is up; an abler one that is too small for the prompt is passed over."""
    off = Role("auto", _USE, suffices=_ROLE.suffices, stages=Stages.OFF)
    assert _Agent(off).goes_on(_FAILS, _FAILS, _FAILS)[0] == "small"
    assert [looks_at_steps(role) for role in (_ROLE, off, Role("auto", _USE))] == [True, False, False]
    agent = _Agent(medium=1000)
    agent.goes_on(_FAILS)
    agent.steps.append(_FAILS)
    assert models(agent.router.route(agent.query(tokens=5000)))[0] == "large"


_STEPS = st.builds(
    ToolStep,
    st.sampled_from(["", "bash", "edit", "read"]),
    st.text(max_size=3),
    st.text(max_size=20) | st.just("Error: x"),
    st.booleans(),
)


@given(st.lists(_STEPS, max_size=12))
def test_no_target_is_added_or_lost(steps: list[ToolStep]) -> None:
    """Whatever tools answer; a move is by one model at most."""
    agent = _Agent()
    before = "small"
    for step in steps:
        agent.steps.append(step)
        found = models(agent.router.route(agent.query()))
        assert sorted(found) == sorted(_USE)
        assert abs(_USE.index(found[0]) - _USE.index(before)) <= 1
        before = found[0]
        agent.answered(before)
