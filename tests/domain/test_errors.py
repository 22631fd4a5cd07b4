"""Errors that blame someone."""

import pytest

from hostd.domain.errors import CapacityError, ConfigError, EngineError, Problem, UnknownModel
from hostd.domain.reason import ExitClass


def test_a_problem_reads_like_a_compilers() -> None:
    """Editors and terminals make file, line and column a link."""
    assert "/a/hostd.yaml:3:7: it is wrong" == str(Problem("it is wrong", "/a/hostd.yaml", 3, 7))


def test_a_config_error_tells_every_problem() -> None:
    """One line each."""
    assert "a:1:1: x\nb:2:1: y" == str(ConfigError((Problem("x", "a"), Problem("y", "b", 2))))


@pytest.mark.parametrize(
    ("nearest", "known", "hint"),
    [
        (("coder", "code"), ("coder", "code", "x"), "did you mean 'coder' or 'code'?"),
        ((), ("a", "b"), "this host serves 'a', 'b'"),
        ((), (), "this host has no profiles yet; add one to the model_profiles folder"),
    ],
)
def test_an_unknown_model_leads_to_a_known_one(nearest: tuple[str, ...], known: tuple[str, ...], hint: str) -> None:
    """The nearest names, else what there is, else what to do."""
    error = UnknownModel("codr", nearest, known)
    assert (f"unknown model 'codr'; {hint}", 404, "model_not_found", "model") == (
        error.message,
        error.status,
        error.code,
        error.param,
    )


@pytest.mark.parametrize(("measured", "told"), [(0.01, 1.0), (7.5, 7.5), (3600.0, 60.0)])
def test_clients_are_asked_back_within_a_minute(measured: float, told: float) -> None:
    """`Retry-After` is never zero and never an hour."""
    assert told == CapacityError("full", code="queue_full", retry_after=measured).retry_after


def test_an_engine_error_carries_its_last_words() -> None:
    """With how it ended, unknown unless said."""
    error = EngineError("died", tail=("cannot allocate",))
    assert (ExitClass.UNKNOWN, ("cannot allocate",), 502) == (error.exit_class, error.tail, error.status)
