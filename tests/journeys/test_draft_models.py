"""A small model that drafts, in a real llama-server: what it takes is what was predicted, and answers come through the daemon."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.backends.llamacpp.build import build_of
from hostd.domain.footprint import Component
from hostd.models.local import open_path
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import DraftServing, Placement, Serving
from tests.journeys.host import profile, serving
from tests.journeys.test_predicted_memory import PROGRAM, SCRIPT, serve

pytestmark = [
    pytest.mark.skipif(not importlib.util.find_spec("xllamacpp"), reason="xllamacpp is not installed"),
    pytest.mark.skipif(not importlib.util.find_spec("gguf"), reason="gguf, which makes the models, is not installed"),
]
MIB = 1 << 20


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model of four layers and one of one layer, random both, with the same vocabulary."""
    folder = tmp_path_factory.mktemp("drafting")
    found = []
    for name, layers in (("large", 4), ("small", 1)):
        found.append(folder / f"{name}.gguf")
        words = ["random", str(found[-1]), "--shape", "small", "--layers", str(layers)]
        subprocess.run([sys.executable, str(SCRIPT), *words], check=True, capture_output=True)
    return found[0], found[1]


@pytest.mark.parametrize("kind", ["f16", "q8_0"])
def test_a_draft_model_takes_what_is_predicted(models: tuple[Path, Path], kind: str) -> None:
    """Caches of both are exact, whatever the type of the draft's; weights and scratch memory are within the span."""
    large, small = models
    words = ("-md", str(small), "--spec-type", "draft-simple", "-ctkd", kind, "-ctvd", kind)
    memory, _, _ = serve(large, 2048, *words)
    predicted = footprint(
        open_path(large).shape,
        Serving(
            context=2048, slots=1, unified=False, cache_ram=0, verified=3, build=build_of(PROGRAM),
            drafter=DraftServing(kind, kind),
        ),
        Placement(),
        draft=open_path(small).shape,
    )  # fmt: skip
    seen = memory.parts["ram"]
    assert abs(seen[Component.KV] - predicted.component(Component.KV).expected) < 0.01 * MIB
    assert abs(seen[Component.WEIGHTS] - predicted.component(Component.WEIGHTS).expected) < MIB
    assert seen[Component.COMPUTE] <= predicted.component(Component.COMPUTE).high


def test_a_models_own_drafting_layer_takes_what_is_predicted(tmp_path: Path) -> None:
    """Its cache keeps f16 beside a quantised one of the model, and recurrent states are held for each drafted token."""
    model = tmp_path / "drafting.gguf"
    write = (
        "import sys, pathlib; from demo_models.drafting_model import write_drafting as w; w(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", write, str(model)], check=True, cwd=SCRIPT.parent)
    words = ("-ctk", "q8_0", "-ctv", "q8_0", "--spec-type", "draft-mtp", "--spec-draft-n-max", "2")
    memory, _, _ = serve(model, 2048, *words)
    how = Serving(context=2048, slots=1, unified=False, cache_ram=0, draft=2, build=build_of(PROGRAM))
    predicted = footprint(open_path(model).shape, replace(how, key_type="q8_0", value_type="q8_0"), Placement())
    seen = memory.parts["ram"]
    for part in (Component.KV, Component.RECURRENT):
        assert abs(seen[part] - predicted.component(part).expected) < 0.01 * MIB, part
    assert abs(seen[Component.WEIGHTS] - predicted.component(Component.WEIGHTS).expected) < MIB
    assert seen[Component.COMPUTE] <= predicted.component(Component.COMPUTE).high


def test_the_daemon_serves_with_the_owners_draft_model(models: tuple[Path, Path], tmp_path: Path) -> None:
    """Tokens are drafted, as the engine's own figures tell; the plan counts the draft model, and promises."""
    large, small = models
    args = {"threads": 1, "spec-type": "draft-simple", "spec-draft-model": str(small)}
    variants = [{"backend": "llamacpp", "path": str(large)}]
    drafting = profile("drafting", variants=variants, slots=1, args=args, warm={"preload": False})
    alone = profile("alone", variants=variants, slots=1, draft=str(small), warm={"preload": False})
    with serving(tmp_path, drafting, alone) as host:
        reply = host.chat("drafting")
        assert 200 == reply.status, reply.body
        assert reply.json["timings"]["draft_n"] > 0
        plans = {name: host.cli("plan", name, "--json") for name in ("drafting", "alone")}
    assert [0, 0] == [plan.returncode for plan in plans.values()]
    assert "small.gguf drafts nothing: " in plans["alone"].stdout
