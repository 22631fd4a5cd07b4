"""Predicted against measured memory of a real engine: half a gigabyte of random weights, a short and a long context.

It takes a gigabyte of memory.
"""

import importlib.util
import json
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from hostd.backends.llamacpp import memory_log
from hostd.backends.llamacpp.build import LAUNCHER, build_of
from hostd.domain.footprint import Component, Footprint, Tier
from hostd.planning.footprint.calibration import ServingKey, correct
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.footprint.ollama_serving import ollama_serving
from hostd.planning.formats.gguf import GgufHeader, parse
from hostd.planning.formats.gguf_shape import shape_of
from hostd.sizing.measurements import MeasurementStore
from tests.engines.ollama_program import installed, put_real_model, serving

MIB = 1 << 20
PROGRAM = (sys.executable, "-P", "-u", str(LAUNCHER))
SCRIPT = Path(__file__).parents[2] / "scripts" / "make-demo-models"

pytestmark = [
    pytest.mark.skipif(not importlib.util.find_spec("xllamacpp"), reason="xllamacpp is not installed"),
    pytest.mark.skipif(not importlib.util.find_spec("gguf"), reason="gguf, which makes the model, is not installed"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights in the shape of a small real one."""
    path = tmp_path_factory.mktemp("models") / "random.gguf"
    subprocess.run(
        [sys.executable, str(SCRIPT), "random", str(path), "--shape", "1b", "--layers", "4"],
        check=True,
        capture_output=True,
    )
    return path


@pytest.mark.parametrize("context", [2048, 32768])
def test_the_third_prediction_is_within_two_percent(model: Path, context: int) -> None:
    """After two loads, what is predicted is what the process will hold; before, it is within the span of the header."""
    with model.open("rb") as file:
        header = parse(file.read(8 * MIB))
    assert isinstance(header, GgufHeader)
    predicted = footprint(
        shape_of(header),
        Serving(context=context, slots=1, unified=False, cache_ram=0, build=build_of(PROGRAM)),
        Placement(),
    )
    store = MeasurementStore()
    key = ServingKey(model.name, context, 1, "f16", "b0", "ram")
    resident: list[int] = []
    for _ in range(2):
        memory, loaded, busy = serve(model, context)
        resident.append(busy)
        seen = memory.parts["ram"]
        kv = predicted.component(Component.KV).expected
        assert abs(seen[Component.KV] - kv) < 0.01 * MIB
        assert abs(seen[Component.WEIGHTS] - predicted.component(Component.WEIGHTS).expected) < MIB
        sys.stdout.write(table(context, predicted, memory, loaded, busy))
        store.record(key, predicted, memory.parts, {"ram": busy})
    learnt = correct(predicted, key, store.about(key))
    _, _, third = serve(model, context)
    then = learnt.pool("ram").expected
    sys.stdout.write(f"then {then / MIB:.0f} was predicted and {third / MIB:.0f} measured; {learnt.notes[-1]}\n")
    assert Tier.MEASURED is learnt.tier
    assert abs(learnt.pool("ram").expected / third - 1) < 0.02
    assert predicted.pool("ram").low <= min(resident)
    assert max(resident) <= predicted.pool("ram").high


@pytest.mark.skipif(
    installed() is None, reason="ollama is not installed: run scripts/engines ollama, where Go is installed"
)
@pytest.mark.parametrize(("context", "slots"), [(2048, 1), (4096, 2)])
async def test_ollama_holds_what_is_predicted(model: Path, tmp_path: Path, context: int, slots: int) -> None:
    """With the flags that it gave its llama-server, which are those that the plan reckons with."""
    with model.open("rb") as file:
        header = parse(file.read(8 * MIB))
    assert isinstance(header, GgufHeader)
    flags = replace(ollama_serving(context, slots, bounded=True), cache_ram=0)
    predicted = footprint(shape_of(header), flags, Placement())
    put_real_model(tmp_path / "store", "random:1b", model)
    asked = {"OLLAMA_CONTEXT_LENGTH": str(context), "OLLAMA_NUM_PARALLEL": str(slots), "LLAMA_ARG_CACHE_RAM": "0"}
    async with serving(tmp_path / "store", asked) as engine:
        status, _ = await engine.ask({"model": "random:1b", "keep_alive": -1}, "/api/generate")
        assert 200 == status
        (runner,) = psutil.Process(engine.process.pid).children()
        loaded = runner.memory_info().rss
        prompt = {"prompt": "word " * (flags.ubatch // 2), "raw": True, "stream": False, "options": {"num_predict": 8}}
        status, answer = await engine.ask({"model": "random:1b", **prompt}, "/api/generate")
        assert (200, True) == (status, answer["prompt_eval_count"] > flags.ubatch), answer["prompt_eval_count"]
        busy = runner.memory_info().rss
        (told,) = (await engine.get("/api/ps"))[1]["models"]
    memory = memory_log.parse(engine.lines)
    sys.stdout.write(
        f"Ollama, {slots} slots, ps says {told['size'] / MIB:.1f}: {table(context, predicted, memory, loaded, busy)}"
    )
    starting = next(line for line in engine.lines if "starting llama-server" in line)
    assert f"-c {flags.context} -np {slots} " in starting
    assert f"-b {flags.batch} -ub {flags.ubatch} " in starting
    seen = memory.parts["ram"]
    assert abs(seen[Component.KV] - predicted.component(Component.KV).expected) < 0.01 * MIB
    assert abs(seen[Component.WEIGHTS] - predicted.component(Component.WEIGHTS).expected) < MIB
    assert predicted.pool("ram").low <= busy <= predicted.pool("ram").high


def serve(model: Path, context: int, *more: str) -> tuple[memory_log.LoggedMemory, int, int]:
    """Return what an engine's log counts, and its resident bytes after the load and after a prompt of more than one batch."""
    port = free_port()
    words = ["-m", str(model), "--host", "127.0.0.1", "--port", str(port), "-c", str(context), "-np", "1", "-cram", "0"]
    process = subprocess.Popen(
        [*PROGRAM, *words, *more, "-lv", str(memory_log.VERBOSITY)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        for line in process.stderr or ():
            lines.append(line)
            if "listening on" in line:
                ready.set()

    reader = threading.Thread(target=listen)
    reader.start()
    try:
        assert ready.wait(60)
        loaded = psutil.Process(process.pid).memory_info().rss
        prompt = list(range(5, 5 + 520))  # more than one batch of 512, whose buffers are the largest
        body = json.dumps({"prompt": prompt, "n_predict": 8}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/completion", body, timeout=120) as answer:
            assert 200 == answer.status
            answer.read()
        busy = psutil.Process(process.pid).memory_info().rss
    finally:
        process.kill()
        process.wait()
        reader.join()
        if process.stderr:
            process.stderr.close()
    return memory_log.parse(lines), loaded, busy


def table(context: int, predicted: Footprint, memory: memory_log.LoggedMemory, loaded: int, busy: int) -> str:
    """Return one row for people, in MiB."""
    parts = " ".join(f"{part} {predicted.component(part).expected / MIB:.1f}/{memory.parts['ram'].get(part, 0) / MIB:.1f}"
                     for part in Component)  # fmt: skip
    span = predicted.pool("ram")
    return (
        re.sub(
            r"\s+",
            " ",
            f"context {context}: predicted/logged {parts}; predicted {span.low / MIB:.0f} {span.expected / MIB:.0f} "
            f"{span.high / MIB:.0f}; resident after the load {loaded / MIB:.0f}, after a prompt {busy / MIB:.0f}",
        )
        + "\n"
    )


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
