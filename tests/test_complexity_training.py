"""What weights are learnt from, and that the documentation says how they do on the rest."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hostd.domain.model_choice import HARDEST, TaskType
from hostd.routing.complexity_model import ComplexityModel

ROOT = Path(__file__).parents[1]


@pytest.fixture(name="of_scripts")
def importable(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what imports a module of scripts."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return lambda name: import_module(f"complexity.{name}")


def test_what_is_tested_was_not_learnt(of_scripts: Any) -> None:
    """Templates and prompts are apart, the same in every run, and there are some of each type, easy and hard."""
    prompts, by_hand, unseen = (getattr(of_scripts("prompts"), name) for name in ("prompts", "by_hand", "unseen"))
    learnt, tested = prompts(held_out=False), prompts(held_out=True)
    assert tested == prompts(held_out=True)
    assert not {each.template for each in learnt} & {each.template for each in tested}
    assert not {each.text for each in learnt} & {each.text for each in [*tested, *by_hand(), *unseen()]}
    for examples in (learnt, tested, by_hand(), unseen()):
        assert set(TaskType) == {each.task for each in examples}
        assert min(each.level for each in examples) == 1
        assert max(each.level for each in examples) == HARDEST


def test_the_documentation_shows_what_the_weights_do(of_scripts: Any) -> None:
    """The tables are those that the script prints of the weights that are shipped."""
    prompts, report = of_scripts("prompts"), of_scripts("report").report
    model = ComplexityModel.read((ROOT / "hostd/routing/complexity.weights").read_bytes())
    told = (ROOT / "hostd/routing/README.md").read_text("utf-8")
    assert report("templates that were kept apart", model, prompts.prompts(held_out=True)) in told
    assert report("written by hand while templates were made", model, prompts.by_hand()) in told
    assert report("written by hand and not tried before", model, prompts.unseen()) in told
