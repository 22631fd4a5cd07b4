"""What a real llama-server has read of conversations outlives its slot, its engine and the daemon, and is never another's."""

import asyncio
import itertools
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog.testing

from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.lifecycle import State
from hostd.domain.profile import KvSettings, Profile, Settings
from hostd.supervisor.conversations import files, store
from hostd.supervisor.conversations.files import SavedSlot
from tests.conformance.engine import Missing
from tests.conformance.engines import llamacpp_wheel
from tests.journeys.test_prefixes import cached
from tests.journeys.test_whole_answers import of_the_engine
from tests.stage import COLD, Stage, opened

Json = dict[str, Any]
Likely = dict[str, float]
Open = Callable[[], AbstractAsyncContextManager[Stage]]

SLACK = 8
"""Tokens that an engine reads once more although they are the same."""
ROUNDING = 0.15
"""By how much logarithms of probabilities differ with the batches in which a prompt is computed; measured were 0.06."""
LIKELY: Json = {"logprobs": True, "top_logprobs": 3}
SYSTEM = "You help with code, and you say little. " * 12


@pytest_asyncio.fixture
async def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Profile, Settings]]:
    """A profile with two slots whose conversations are saved, and the settings that hold it."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    async with AsyncExitStack() as stack:
        try:
            stand = await stack.enter_async_context(llamacpp_wheel.ENGINE.opens(tmp_path))
        except Missing as missing:
            pytest.skip(str(missing))
        saving = stand.edit(kv=KvSettings(save=True), warm=COLD, context=2048, slots=2).profile
        settings = Settings(listen=("127.0.0.1:0",), profiles={"tiny": saving}, commands=stand.commands)
        yield saving, settings


@pytest.fixture
def daemon(profile: tuple[Profile, Settings]) -> Open:
    """A daemon with that profile; another one that is opened later finds what it has left."""
    return partial(opened, profile[1])


def likely(answer: Json) -> Likely:
    """Return the words with which *answer* might have begun, and the logarithms of their probabilities."""
    first = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {each["token"]: each["logprob"] for each in first}


class Talk:
    """A conversation of its own client, which grows by each answer; *canary* is a word that nobody else says."""

    def __init__(self, canary: str, system: str = SYSTEM) -> None:
        self.canary = canary
        first = f"My word is {canary}. " * 20
        self.messages: list[Json] = [{"role": "system", "content": system}, {"role": "user", "content": first}]
        self.prompt = 0
        self.begins: Likely = {}

    async def go_on(self, stage: Stage, *, tokens: int = 4) -> int:
        """Say the next turn; return how many tokens of the prompt were not read anew."""
        answer = await stage.ask(
            "tiny",
            messages=self.messages,
            max_tokens=tokens,
            temperature=0,
            **LIKELY,
            headers={"x-hostd-session": f"s-{self.canary}"},
        )
        assert 200 == answer.status, answer.body
        said = answer.json["choices"][0]["message"]["content"]
        self.messages += [{"role": "assistant", "content": said}, {"role": "user", "content": f"And {self.canary}?"}]
        self.prompt, self.begins = answer.json["usage"]["prompt_tokens"], likely(answer.json)
        return cached(answer.json)


def saved_files(state: Path) -> list[Path]:
    """Return the files of saved conversations."""
    return sorted((state / "kv").glob("*.kv"))


async def test_goes_on_after_an_unload_and_a_restart(daemon: Open, tmp_path: Path) -> None:
    """With all that was read before; the files are this user's alone, and a conversation that is nobody's is read anew."""
    talk = Talk("heron")
    async with daemon() as stage:
        assert await talk.go_on(stage) <= SLACK
        before = talk.prompt
        assert State.COLD is await stage.app.dispatcher.unload("tiny")
        assert [0o600] == [path.stat().st_mode & 0o777 for path in saved_files(tmp_path / "state")]
        assert 0o700 == (tmp_path / "state" / "kv").stat().st_mode & 0o777
        assert await talk.go_on(stage) >= before - SLACK
        before = talk.prompt
    async with daemon() as stage:
        assert await talk.go_on(stage) >= before - SLACK
        assert await Talk("stork", "Be kind.").go_on(stage) <= SLACK


async def test_more_conversations_than_slots(daemon: Open) -> None:
    """Each goes on where it was, and a new one need not read the instructions that it has in common with another."""
    talks = [Talk(word) for word in ("heron", "stork", "crane", "egret")]
    async with daemon() as stage:
        first = [await talk.go_on(stage) for talk in talks]
        assert first[0] <= SLACK
        assert all(count > 80 for count in first[1:]), first
        for _ in range(2):
            for talk in talks:
                before = talk.prompt
                assert await talk.go_on(stage) >= before - SLACK


async def test_another_build_reads_anew(daemon: Open, profile: tuple[Profile, Settings]) -> None:
    """As does one with another type of cache: what it would compute is not the same."""
    talk = Talk("heron")
    async with daemon() as stage:
        await talk.go_on(stage)
    saving, settings = profile
    other = Settings(
        listen=settings.listen,
        profiles={"tiny": Profile(**{**{n: getattr(saving, n) for n in saving.__slots__}, "kv_type": "q8_0"})},
        commands=settings.commands,
    )
    async with opened(other) as stage:
        assert await talk.go_on(stage) <= SLACK


async def test_a_cut_file_is_not_restored(daemon: Open, tmp_path: Path) -> None:
    """The conversation is read anew, by an engine that never saw the file."""
    talk = Talk("heron")
    async with daemon() as stage:
        await talk.go_on(stage)
        await stage.app.dispatcher.unload("tiny")
        (path,) = saved_files(tmp_path / "state")
        os.truncate(path, 1000)
        assert await talk.go_on(stage) <= SLACK
        before = talk.prompt
        assert await talk.go_on(stage) >= before - SLACK


async def test_a_file_that_the_engine_refuses_costs_the_engine(
    daemon: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be spoilt, so the request is answered by a new one, as if nothing had been saved."""
    talk = Talk("heron")
    async with daemon() as stage:
        await talk.go_on(stage)
        await stage.app.dispatcher.unload("tiny")
        monkeypatch.setattr(files, "is_sound", lambda folder, saved: True)  # noqa: ARG005 - as it is called
        (path,) = saved_files(tmp_path / "state")
        os.truncate(path, path.stat().st_size // 2)
        generation = stage.model_state("tiny").generation
        assert await talk.go_on(stage) <= SLACK
        assert generation + 2 == stage.model_state("tiny").generation
        assert not path.exists()


async def test_a_full_disk(daemon: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is not kept; the request for which a slot was needed is answered all the same."""
    talks = [Talk(word) for word in ("heron", "stork", "crane")]
    async with daemon() as stage:
        await talks[0].go_on(stage)
        drafts = itertools.count()

        def full(_: SavedSlot) -> str:
            name = f"full.{next(drafts)}.part"
            (tmp_path / "state" / "kv" / name).symlink_to("/dev/full")
            return name

        monkeypatch.setattr(store, "draft_name", full)
        with structlog.testing.capture_logs() as logged:
            for talk in talks[1:]:
                await talk.go_on(stage)
            await stage.app.dispatcher.unload("tiny")
        assert "conversation_not_saved" in {line["event"] for line in logged}
        assert [] == saved_files(tmp_path / "state")
        assert await talks[0].go_on(stage) <= SLACK


async def test_an_engine_that_is_killed_while_it_saves(
    daemon: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaves nothing that is ever used."""
    talk, saves = Talk("heron"), LlamaCpp.save_slot

    async def killed(self: LlamaCpp, http: HttpClient, endpoint: Any, slot: int, name: str) -> int:
        await saves(self, http, endpoint, slot, name)
        pid = stage.instance("tiny").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return await saves(self, http, endpoint, slot, name)

    async with daemon() as stage:
        await talk.go_on(stage)
        monkeypatch.setattr(LlamaCpp, "save_slot", killed)
        await stage.app.dispatcher.unload("tiny")
        monkeypatch.undo()
        monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
        assert [] == list((tmp_path / "state" / "kv").iterdir())
        assert await talk.go_on(stage) <= SLACK


async def words_of(stage: Stage, path: Path) -> str:
    """Return the text of the tokens that a saved slot holds.

    In llama.cpp's format, magic, version and count are followed by as many words: the tokens, or a packing of them that begins
    with -1, its version and their count.
    """
    data = await asyncio.to_thread(path.read_bytes)
    count = int.from_bytes(data[8:12], "little")
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(12, 12 + 4 * count, 4)]
    tokens = words[3 : 3 + words[2]] if words[0] == 0xFFFFFFFF else words
    server = stage.instance("tiny").server
    assert server is not None
    reply = await server.http.ask(
        f"{server.launch.endpoint.url}/detokenize", server.launch.endpoint.headers, {"tokens": tokens}
    )
    text: str = reply.json()["content"]
    return text


async def test_no_conversation_holds_a_word_of_another(daemon: Open, tmp_path: Path) -> None:
    """Over 200 turns of six, interleaved at random with unloads: what a slot was saved with is its conversation's alone.

    Never is more reused than the conversation itself has said before, and its next turn always finds that.
    """
    talks = [Talk(word) for word in ("heron", "stork", "crane", "egret", "raven", "robin")]
    chance = random.Random(7)
    async with daemon() as stage:
        for turn in range(200):
            talk = chance.choice(talks)
            before = talk.prompt
            if before > 1600:
                talk.__init__(talk.canary)  # type: ignore[misc]
                before = 0
            reused = await talk.go_on(stage, tokens=2)
            assert reused >= before - SLACK
            if before:
                assert reused <= before + 2 + SLACK
            if turn % 25 == 24:
                await stage.app.dispatcher.unload("tiny")
                await stage.app.dispatcher.load("tiny")
                for path in saved_files(tmp_path / "state"):
                    text = await words_of(stage, path)
                    assert 1 == sum(each.canary in text for each in talks), path
    manifests = [json.loads(path.read_text()) for path in (tmp_path / "state" / "kv").glob("*.json")]
    assert len(talks) == len({each["conversation"] for each in manifests})


async def cold(stage: Stage, messages: list[Json]) -> Likely:
    """Return with which words the engine would begin its answer to *messages* when it reads all of them anew."""
    # A first token may be a part of a letter, which is not told before the rest of it.
    asked = {"messages": messages, "max_tokens": 4, "temperature": 0, "cache_prompt": False} | LIKELY
    status, answer = await of_the_engine(stage, "/v1/chat/completions", asked)
    assert (200, 0) == (status, cached(answer))
    return likely(answer)


def same(found: Likely, expected: Likely) -> bool:
    """Return whether two answers begin alike, but for what rounding does: prompts are computed in other batches than answers."""
    both = found.keys() & expected.keys()
    return len(both) >= 2 and all(abs(found[word] - expected[word]) < ROUNDING for word in both)


async def test_answers_as_if_nothing_had_been_saved(daemon: Open) -> None:
    """What is restored after an unload, a restart or a slot's other use leads to the same words as a prompt that is read anew."""
    talks = [Talk(word) for word in ("heron", "stork", "crane")]
    restored: list[tuple[list[Json], Likely]] = []
    for _ in range(2):
        async with daemon() as stage:
            for talk in (*talks, *talks):
                before = talk.prompt
                assert await talk.go_on(stage, tokens=12) >= before - SLACK
                restored.append((talk.messages[:-2], talk.begins))
                await stage.app.dispatcher.unload("tiny")
    async with daemon() as stage:
        await stage.app.dispatcher.load("tiny")
        anew = [await cold(stage, messages) for messages, _ in restored]
    assert all(itertools.starmap(same, zip([begins for _, begins in restored], anew, strict=True)))
    # Of another conversation they would differ.
    assert not any(same(one, other) for one, other in itertools.combinations(anew[-3:], 2))


async def test_conversations_at_once_keep_to_themselves(daemon: Open, tmp_path: Path) -> None:
    """Six in two slots, all asking at the same time, with unloads in between: each reuses its own and answers as if alone."""
    talks = [Talk(word) for word in ("heron", "stork", "crane", "egret", "raven", "robin")]

    async def speak(stage: Stage, talk: Talk, common: int) -> None:
        for _ in range(5):
            before = talk.prompt
            reused = await talk.go_on(stage, tokens=6)
            # A new one begins with the instructions that all have in common.
            assert before - SLACK <= reused <= (before + 6 if before else common) + SLACK

    async with daemon() as stage:
        await stage.app.dispatcher.load("tiny")
        _, split = await of_the_engine(stage, "/tokenize", {"content": f"{SYSTEM}My word is "})
        for _ in range(2):
            await asyncio.gather(*(speak(stage, talk, len(split["tokens"])) for talk in talks))
            await stage.app.dispatcher.unload("tiny")
            await stage.app.dispatcher.load("tiny")
            for path in saved_files(tmp_path / "state"):
                text = await words_of(stage, path)
                assert 1 == sum(each.canary in text for each in talks), path
        for talk in talks:
            assert same(talk.begins, await cold(stage, talk.messages[:-2]))
