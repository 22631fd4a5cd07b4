"""``hostd.simulation.public_trace``."""

from collections import Counter
from itertools import pairwise

import pytest

from hostd.cli.traces import shipped_rows
from hostd.simulation.public_trace import BUSY, PUBLIC_TRACES, public_trace
from hostd.simulation.workload import choose_workload
from tests.simulation.example_hosts import host_of, model_of, usual

HOST = usual()
CAST = choose_workload(HOST)


def row(at: float, role: str, prompt: int = 4000, output: int = 100) -> dict[str, object]:
    """Return a row of a sample."""
    return {"at": at, "role": role, "prompt_tokens": prompt, "output_tokens": output}


def test_roles_are_played_by_models_that_compete() -> None:
    """The pair first, then the others; a small one that writes beside them."""
    roles = ("main", "second", "third", "fourth", "small")
    models = [each.model for each in public_trace(HOST, CAST, [row(n, role) for n, role in enumerate(roles)])]
    assert [part.model for part in CAST.large] == models[:4]
    assert "fast" == models[4]


def test_where_there_are_two_models_they_play_all_roles() -> None:
    """In turn."""
    host = host_of(model_of("a", 18.0), model_of("b", 15.0))
    roles = ("main", "second", "third", "fourth", "small")
    found = public_trace(host, choose_workload(host), [row(n, role) for n, role in enumerate(roles)])
    assert ["a", "b", "a", "b", "a"] == [each.model for each in found]


@pytest.mark.parametrize("name", PUBLIC_TRACES)
def test_the_pace_is_what_the_machine_can_serve(name: str) -> None:
    """By time, all models in use, and the answers together take the share of the time that they should."""
    found = public_trace(HOST, CAST, shipped_rows(name))
    assert all(first.at <= second.at for first, second in pairwise(found))
    assert 1500 < len(found) < 2500
    work = 0.0
    throughput = {part.model: part.throughput for part in (*CAST.large, *CAST.small)}
    for each in found:
        speed = HOST.models[each.model].speeds[0]
        work += speed.seconds(each.prompt_tokens, each.output_tokens) / throughput[each.model]
    assert pytest.approx(BUSY) == work / found[-1].at
    assert {part.model for part in CAST.pair} <= set(Counter(each.model for each in found))


def test_a_row_that_makes_no_sense_is_said() -> None:
    """As of any other trace."""
    with pytest.raises(ValueError, match="row 1"):
        public_trace(HOST, CAST, [{"at": 0.0}])
