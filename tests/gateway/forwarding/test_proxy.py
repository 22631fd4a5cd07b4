"""A request waits for its turn, keeps to its time, and leaves nothing behind when its client disconnects."""

import os
import signal
from typing import Any

import pytest

from hostd.gateway.forwarding import proxy
from tests.gateway.forwarding.test_attempt import WAYS, hold
from tests.stage import Stage, moved, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestClientGone:
    """A client that disconnects frees its slot and its engine."""

    @pytest.mark.parametrize("stream", [False, True])
    async def test_while_it_waits_for_a_place(self, stage: Stage, stream: bool) -> None:
        """The queue closes ranks at once, and the engine never hears of the request."""
        await hold(stage, "strict")
        begun = (await stage.seen("strict"))["begun"]
        task = stage.begin("strict", stream=stream)
        await until(lambda: len(stage.model_state("strict").queue) == 1)
        task.cancel()
        await until(lambda: not stage.model_state("strict").queue, 1.0)
        assert begun == (await stage.seen("strict"))["begun"]

    @pytest.mark.parametrize("asked", WAYS, ids=str)
    @pytest.mark.parametrize("script", [{"first_token_delay": 60}, {"hang": True}, {"stall_after": 2}], ids=str)
    async def test_while_it_is_answered(self, stage: Stage, script: dict[str, object], asked: dict[str, Any]) -> None:
        """Its place is free at once, and the engine stops working on it: before the first token, and after."""
        await stage.script("strict", **script)
        before = (await stage.seen("strict"))["aborted"]
        task = stage.begin("strict", **asked)
        await stage.until_seen("strict", in_flight=1)
        task.cancel()
        await until(lambda: not stage.model_state("strict").serving, 1.0)
        await stage.until_seen("strict", in_flight=0, aborted=before + 1)

    async def test_lets_the_next_one_in(self, stage: Stage) -> None:
        """The place of one who leaves goes to the head of the queue."""
        held = await hold(stage, "strict")
        waiting = stage.begin("strict", max_tokens=1)
        await until(lambda: len(stage.model_state("strict").queue) == 1)
        await stage.script("strict", stall_after=None)
        held.cancel()
        assert 200 == (await waiting).status


class TestLongPrompts:
    """A prompt that is longer for sure than the context of the model that was asked for."""

    @pytest.mark.parametrize("asked", WAYS, ids=str)
    async def test_goes_to_a_larger_window_at_once(self, stage: Stage, asked: dict[str, Any]) -> None:
        """The smaller model hears nothing of it; what only an engine can count is asked of it."""
        before = (await stage.seen("alpha"))["begun"]
        for length, route in ((40_000, ("beta", "fallback:context_too_long")), (30_000, ("alpha", "primary"))):
            # The scripted engine counts the messages, and would refuse so long ones.
            answer = await stage.ask("alpha", metadata={"note": "x" * length}, **asked)
            assert (200, route, "1") == (answer.status, answer.route, answer.headers["x-hostd-attempts"])
        assert before + 1 == (await stage.seen("alpha"))["begun"]

    async def test_the_bytes_of_a_sound_are_no_prompt(self, stage: Stage) -> None:
        """A request with a sound or a file has fewer tokens than its bytes let one think."""
        part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
        messages = [{"role": "user", "content": [part]}]
        answer = await stage.ask("alpha", messages=messages, metadata={"note": "x" * 40_000})
        assert ("alpha", "primary") == answer.route


async def alone(stage: Stage) -> None:
    """Have the engine answer: requests that other tests left while it read them would be company until it does."""
    assert 200 == (await stage.ask("alpha", seed=99)).status


class TestCrashes:
    """A request at whose prompt an engine crashes."""

    @pytest.mark.slow
    @pytest.mark.parametrize(("stream", "seed"), [(False, 1), (True, 2)])
    @pytest.mark.parametrize("status", [-signal.SIGSEGV, 1])
    async def test_takes_no_second_engine_down(self, stage: Stage, stream: bool, seed: int, status: int) -> None:
        """It is refused with what happened, and again when it is repeated; the fallback runs on, and others are answered."""
        await alone(stage)
        await stage.script("alpha", crash_after=0, crash_status=status)
        fallback, seed = stage.instance("beta").pid, 100 * seed + abs(status)
        answer = await stage.ask("alpha", stream=stream, seed=seed)
        assert (422, "request_crashed_engine") == (answer.status, answer.error["code"])
        assert all(part in answer.error["message"] for part in ("alpha", "Change it", "300 s"))
        assert ("alpha", "primary") == answer.route
        again = await stage.ask("beta", seed=seed)
        assert (422, "request_crashed_engine") == (again.status, again.error["code"])
        assert (200, "beta") == ((other := await stage.ask("beta", seed=seed + 1)).status, other.route[0])
        assert (fallback, 0) == (stage.instance("beta").pid, stage.model_state("alpha").restarts.streak)

    @pytest.mark.slow
    async def test_is_helped_where_somebody_else_killed_it(self, stage: Stage) -> None:
        """Its fallback answers."""
        await alone(stage)
        await stage.script("alpha", crash_after=0, crash_status=-signal.SIGKILL)
        assert (200, ("beta", "fallback:crashed")) == (
            (answer := await stage.ask("alpha", seed=3)).status,
            answer.route,
        )
        assert 200 == (await stage.ask("beta", seed=3)).status

    @pytest.mark.slow
    async def test_that_was_left_by_its_client_is_remembered(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An engine that dies of what nobody waits for any more leaves the next client of the same request refused."""
        await alone(stage)
        monkeypatch.setattr(proxy, "_LEFT_WAITING", 0.0)
        await stage.script("alpha", hang=True)
        task = stage.begin("alpha", seed=4)
        await stage.until_seen("alpha", in_flight=1)
        task.cancel()
        await until(lambda: stage.model_state("alpha").unanswered)
        os.kill(stage.instance("alpha").pid or 0, signal.SIGSEGV)
        await until(lambda: not stage.model_state("alpha").unanswered)
        assert 422 == (await stage.ask("beta", seed=4)).status


async def test_what_hostd_lacks_is_told_as_that(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as an engine that cannot be reached."""
    monkeypatch.setattr(proxy, "want_now", lambda: "there is no descriptor left")
    with moved(stage, "beta", 1):
        answer = await stage.ask("beta")
    assert (503, "connect") == (answer.status, answer.error["code"])
    assert "there is no descriptor left" in answer.error["message"]
    assert answer.headers["Retry-After"]


class TestLimits:
    """How long and how many."""

    @pytest.mark.parametrize("stream", [False, True])
    async def test_keeps_to_the_time_that_the_client_gives(self, stage: Stage, stream: bool) -> None:
        """x-hostd-timeout bounds the whole request; no other target is tried when it is up."""
        await stage.script("alpha", hang=True)
        answer = await stage.ask("alpha", headers={"x-hostd-timeout": "200ms"}, stream=stream)
        assert (504, "timeout") == (answer.status, answer.error["code"])
        assert ("alpha", "primary") == answer.route

    async def test_keeps_to_it_in_the_queue(self, stage: Stage) -> None:
        """Waiting counts."""
        await hold(stage, "strict")
        answer = await stage.ask("strict", headers={"x-hostd-timeout": "0.2"})
        assert (504, "timeout") == (answer.status, answer.error["code"])
        assert "x-hostd-timeout" in answer.error["message"]

    async def test_keeps_to_it_in_the_middle_of_a_stream(self, stage: Stage) -> None:
        """An answer that has begun ends with an error event when the time is up."""
        await stage.script("alpha", tokens=100, token_delay=0.05)
        answer = await stage.stream("alpha", headers={"x-hostd-timeout": "0.3s"})
        assert answer.text.startswith("w0 ")
        assert "whole time of the request" in answer.error["message"]
        assert "[DONE]" not in answer.events

    async def test_turns_away_what_does_not_fit_into_the_queue(self, stage: Stage) -> None:
        """One more than max_queue is told at once when to come back; the others keep their places."""
        await hold(stage, "strict")
        waiting = [stage.begin("strict", max_tokens=1) for _ in range(2)]
        await until(lambda: len(stage.model_state("strict").queue) == 2)
        answer = await stage.ask("strict")
        assert (429, "queue_full") == (answer.status, answer.error["code"])
        assert "which is all that max_queue: 2 allows" in answer.error["message"]
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert ("strict", "primary", "0") == (*answer.route, answer.headers["x-hostd-attempts"])
        await stage.script("strict", stall_after=None)
        assert [200, 200] == [(await task).status for task in waiting]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_mistake_that_is_found_late_is_told(stage: Stage, stream: bool) -> None:
    """A value that only the engine's own part reads, in the dialect and in the record; the place is free again."""
    body = b'{"model":"alpha","messages":[],"stream":%s,"max_tokens":1e999}' % (b"true" if stream else b"false")
    answer = await stage.send("POST", "/v1/chat/completions", data=body)
    if answer.status != 200:  # a stream is sent on as it is
        assert (400, "max_tokens") == (answer.status, answer.error["param"])
    assert not stage.model_state("alpha").serving
