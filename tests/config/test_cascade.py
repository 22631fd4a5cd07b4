"""A role's cascade in the owner's file."""

import pytest

from tests.config.conftest import Load, Problems


def _profile(name: str) -> str:
    return f"name: {name}\nvariants: [{{backend: llamacpp, path: /m.gguf}}]\n"


@pytest.mark.parametrize(
    ("cascade", "told"),
    [
        ("{}", []),
        ("{checks: [json_schema], min_logprob: -0.5, judge: c, max_steps: 1}", []),
        ("{judge: d}", ["1:43: no profile is named 'd'"]),
        ("{judge: b}", ["1:43: 'b' is used by role 'r', and cannot judge its own answers"]),
        ("{checks: [json]}", ["1:45: roles.r.cascade.checks[0]: 'json' is not one of the values here"]),
        ("{checks: []}", ["1:44: roles.r.cascade.checks: the list is empty"]),
        ("{min_logprob: 0.5}", ["1:49: roles.r.cascade.min_logprob: 0.5 is no mean log-probability"]),
        ("{max_step: 1}", ["1:36: unknown key 'max_step'"]),
    ],
)
def test_a_cascade(problems: Problems, load_files: Load, cascade: str, told: list[str]) -> None:
    """Each mistake at its place."""
    files = {name: _profile(name) for name in "abc"}
    host = f"roles: {{r: {{use: [a, b], cascade: {cascade}}}}}"
    if not told:
        assert load_files(host, **files).roles["r"].cascade is not None
        return
    (said,) = problems(host, **files)
    assert said.startswith(f"hostd.yaml:{told[0]}"), said


def test_a_cascade_of_one(problems: Problems) -> None:
    """There is nothing to go up to."""
    (told,) = problems("roles: {r: {use: [a], cascade: {}}}", a=_profile("a"))
    assert told.startswith("hostd.yaml:1:23: role 'r' uses one profile"), told
