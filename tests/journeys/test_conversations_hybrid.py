"""What a real llama-server has read with a model of recurrent layers, whose state cannot be taken back to an earlier token."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from hostd.domain.profile import KvSettings, Profile, Settings, Variant
from tests.conformance.engine import Missing
from tests.conformance.engines import llamacpp_wheel
from tests.journeys import test_conversations as dense
from tests.journeys.test_conversations import Likely, Open, Talk, cold, same
from tests.stage import COLD, opened

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four layers, three of which are recurrent, with random weights."""
    path = tmp_path_factory.mktemp("hybrid") / "hybrid.gguf"
    code = (
        "import sys, pathlib; from demo_models.drafting_model import write_drafting as w; w(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=os.environ | {"PYTHONPATH": str(SCRIPTS)})
    return path


@pytest_asyncio.fixture
async def daemon(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """A daemon with such a model, whose conversations are saved; another one that is opened later finds what it has left."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    async with AsyncExitStack() as stack:
        try:
            stand = await stack.enter_async_context(llamacpp_wheel.ENGINE.opens(tmp_path))
        except Missing as missing:
            pytest.skip(str(missing))
        edited = stand.edit(kv=KvSettings(save=True), warm=COLD, context=2048, slots=2).profile
        saving: Profile = replace(edited, variants=(Variant("llamacpp", path=str(model)),))
        yield partial(opened, Settings(listen=("127.0.0.1:0",), profiles={"tiny": saving}, commands=stand.commands))


async def test_answers_as_if_nothing_had_been_saved(daemon: Open) -> None:
    """As with a model that attends to all tokens."""
    await dense.test_answers_as_if_nothing_had_been_saved(daemon)


async def test_conversations_at_once_keep_to_themselves(daemon: Open, tmp_path: Path) -> None:
    """As with a model that attends to all tokens."""
    await dense.test_conversations_at_once_keep_to_themselves(daemon, tmp_path)


async def test_a_conversation_that_is_changed_in_the_middle(daemon: Open) -> None:
    """Its saved state is of more than it has by now: whatever the engine makes of it, the answer is that of a prompt read anew."""
    talks = [Talk(word) for word in ("heron", "stork")]
    said: list[tuple[list[dense.Json], Likely]] = []
    async with daemon() as stage:
        for talk in talks:
            for _ in range(3):
                await talk.go_on(stage)
            await stage.app.dispatcher.unload("tiny")
            # The first answer and what followed it are taken back.
            talk.messages = [*talk.messages[:2], {"role": "user", "content": f"No: say {talk.canary} again. " * 40}]
            for _ in range(2):
                await talk.go_on(stage)
                said.append((talk.messages[:-2], talk.begins))
                await stage.app.dispatcher.unload("tiny")
        kept = stage.instance("tiny").conversations
        assert kept is None
        await stage.app.dispatcher.load("tiny")
        kept = stage.instance("tiny").conversations
        assert kept is not None
        assert (2, None) == (kept.files, kept.why_not)
        for messages, begins in said:
            assert same(begins, await cold(stage, messages))
