"""Finds out what models can really do: each by itself after its first load, once per file and engine build, or when it is asked to.

It gives way. It asks only while no request is answered or waits, and breaks its question off as soon as one comes or a model is
loaded; what it has found by then is kept, and the rest is asked later. The scheduler does not know of it: it holds no slot, keeps
no model loaded, and an engine that is unloaded in the middle of a question is lost to it alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import NamedTuple

import structlog

from hostd.backends.contract import Attachment
from hostd.background_tasks import cancel_all
from hostd.dialects.base import Dialect
from hostd.dialects.openai.capability_questions import (
    MORE_TOKENS,
    TOKENS,
    Question,
    missing_need,
    questions,
    unasked,
)
from hostd.dialects.openai.capability_verdicts import Reply
from hostd.domain.capability import Finding, Found, ProbeVerdict
from hostd.domain.catalog import ProfileChanges
from hostd.domain.errors import Bug, CapacityError
from hostd.domain.lifecycle import State
from hostd.domain.ticket import Task
from hostd.gateway.context import InferenceServices
from hostd.gateway.probing.exchange import EngineLostError, ask, ask_provider
from hostd.scheduling.decisions import Decision, Routed
from hostd.scheduling.model_decisions import LoadStarted, ModelReady, WakeStarted
from hostd.sizing.model_identity import model_identity
from hostd.supervisor.instance import Instance
from hostd.telemetry.probe_results import ProbeResults
from hostd.telemetry.sinks import ProbeRecord, Sink

log = structlog.get_logger()

QUIET = 2.0
"""Seconds without any request after which a model is probed by itself."""
PATIENCE = 60.0
"""Seconds that a probe which was asked for waits for a moment without requests."""
_LOOK_EVERY = 0.2
_ORDERED = frozenset({State.DRAINING, State.STOPPING, State.COLD, State.SLEEPING})
"""States in which an engine ends because it was told to, and not because of what it was asked."""

_Turn = Callable[[str], Awaitable[None]]


class Subject(NamedTuple):
    """A loaded model. *identity* and *build* tell what is probed: the same model on the same engine answers as before."""

    instance: Instance
    identity: str
    build: str

    @property
    def model(self) -> str:
        """The profile's name."""
        return self.instance.name

    @property
    def task(self) -> Task:
        """What it was launched for."""
        return self.instance.profile.capabilities.task

    @property
    def sees(self) -> bool | None:
        """Whether it takes pictures: as its engine says, or else as its owner does."""
        said = self.instance.facts.vision
        return said if said is not None else self.instance.profile.capabilities.vision

    @property
    def questions(self) -> list[Question]:
        """What to ask it."""
        return questions(self.task, sees=self.sees)

    @property
    def metered(self) -> bool:
        """Whether an answer costs money."""
        launch = self.instance.launch
        return isinstance(launch, Attachment) and launch.metered


class CapabilityProber(Sink):
    """Keeps the router's findings true, by what *results* remember and by asking.

    It asks after so many *quiet* seconds; without, only on demand.
    """

    def __init__(
        self,
        services: InferenceServices,
        instances: Mapping[str, Instance],
        results: ProbeResults,
        *,
        quiet: float | None = QUIET,
    ) -> None:
        self._services = services
        self._instances = instances
        self._results = results
        self._findings = services.router.findings
        self._quiet = quiet
        self._recalled = asyncio.Event()
        self._loaded_once: set[str] = set()
        self._due: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._asking: asyncio.Task[Reply] | None = None
        self._clock = asyncio.get_running_loop().time
        self._busy_at = self._clock()
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<CapabilityProber: {len(self._due)} due>"

    def start(self, recorded: Callable[[], Iterable[ProbeRecord]]) -> None:
        """Recall what earlier daemons *recorded* (which is read in a thread), and probe models as they are loaded."""
        self._begin(self._recall(recorded))
        self._begin(self._probe_due())

    async def close(self) -> None:
        """Break off what is asked, and ask nothing more."""
        await cancel_all(*self._tasks)

    def decided(self, decision: Decision, at: float) -> None:  # noqa: ARG002 - the loop's own clock counts
        """Give way to a request or a load; take note of a model that has become ready."""
        match decision:
            case Routed() | LoadStarted() | WakeStarted():
                self._busy_at = self._clock()
                if self._asking is not None:
                    self._asking.cancel()
            case ModelReady(model=model):
                self._begin(self._loaded(model))
            case _:
                pass

    def apply(self, changes: ProfileChanges) -> None:
        """Forget what was found of changed profiles, but for what is known of their new files and flags."""
        for model in (*changes.changed, *changes.removed):
            self._findings.put(model, {})
            self._loaded_once.discard(model)
        self._begin(self._recall(tuple))

    async def probe(self, model: str) -> Found:
        """Ask a loaded *model* everything anew, and return what was found.

        Raises:
            CapacityError: Requests keep coming, or its engine ended meanwhile.
        """
        gives_up = self._clock() + PATIENCE

        async def turn(name: str) -> None:
            await self._until_idle(name, quiet=0.0, gives_up=gives_up)

        async def at_once(name: str) -> None:
            pass

        try:
            subject = await self._subject(model)
            return await self._fill(subject, {}, at_once if subject.metered else turn)
        except EngineLostError as lost:
            raise CapacityError(
                f"'{model}' could not be probed to the end: {lost}", code="engine_lost", retry_after=5.0
            ) from None

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work), name="capability probe")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception:
            # Models are served without what a probe would tell.
            log.exception("bug", what="a model could not be probed")

    async def _recall(self, recorded: Callable[[], Iterable[ProbeRecord]]) -> None:
        """Say of models that are not loaded what was found last of the best variant that was ever probed."""
        try:
            self._results.recall(await asyncio.to_thread(recorded))
        finally:
            self._recalled.set()
        for model, instance in list(self._instances.items()):
            identities = [
                await asyncio.to_thread(model_identity, instance.profile, bound.variant) for bound in instance.variants
            ]
            found = next(filter(None, map(self._results.last, identities)), {})
            if found and model not in self._loaded_once:
                self._findings.put(model, found)

    async def _loaded(self, model: str) -> None:
        """Say what is known of a model that is ready, and have the rest asked."""
        await self._recalled.wait()
        try:
            subject = await self._subject(model)
        except EngineLostError:
            return
        self._loaded_once.add(model)
        found = self._results.about(subject.identity, subject.build)
        self._findings.put(model, found)
        launch, profile = subject.instance.launch, subject.instance.profile
        local = launch is not None and launch.endpoint.local and not subject.metered
        if self._quiet is not None and local and profile.warm.probe and not self._is_complete(subject, found):
            self._due[model] = None
            self._wake.set()

    async def _probe_due(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                model = next(iter(self._due))
                del self._due[model]
                try:
                    subject = await self._subject(model)
                    known = self._results.about(subject.identity, subject.build)
                    await self._fill(subject, known, self._until_quiet)
                except EngineLostError as lost:
                    # Its next load goes on where this one ended.
                    log.info("probe_ended_early", model=model, why=str(lost))

    async def _subject(self, model: str) -> Subject:
        instance = self._instances.get(model)
        if instance is None or instance.launch is None:
            raise EngineLostError("its engine is not running")
        identity = await asyncio.to_thread(model_identity, instance.profile, instance.variant)
        facts = instance.facts
        return Subject(instance, identity, f"{facts.version or ''}{' +vision' if facts.vision else ''}")

    @staticmethod
    def _is_complete(subject: Subject, found: Found) -> bool:
        return all(question.capability in found for question in subject.questions)

    async def _fill(self, subject: Subject, known: Found, turn: _Turn) -> Found:
        """Ask what is not *known* yet, each question at its *turn*; what was found is kept even if the engine is lost meanwhile."""
        known_unasked = unasked(subject.task, sees=subject.sees)
        found: dict[str, Finding] = {**known, **dict(known_unasked)}
        asked = ""
        try:
            for question in subject.questions:
                if (asked := question.capability) not in found:
                    found[asked] = missing_need(question, found) or await self._ask(subject, question, turn)
        except EngineLostError as lost:
            if lost.in_answer and self._state(subject.model) not in _ORDERED:
                # Asked again at each load, a question that an engine dies of would never let it live.
                found[asked] = Finding(ProbeVerdict.UNKNOWN, f"the engine was lost when it was asked: {lost}")
            raise
        finally:
            if found != dict(known):
                self._results.add(ProbeRecord(time.time(), subject.model, subject.identity, subject.build, found))
            self._findings.put(subject.model, found)
            log.info("probed", model=subject.model, **_by_verdict(found))
        return found

    async def _ask(self, subject: Subject, question: Question, turn: _Turn) -> Finding:
        findings: list[Finding] = []
        tokens = self._bounded(subject, TOKENS)
        for way in range(len(question.ways)):
            body = question.request(way, subject.model, tokens)
            reply = await self._reply(subject, question.dialect, body, turn)
            findings.append(question.judged(way, reply))
            if (settled := question.settled(findings)) is not None:
                return settled
            if findings[-1].cut:
                tokens = self._bounded(subject, MORE_TOKENS)
        raise Bug(f"the question about {question.capability} was not settled")

    async def _reply(self, subject: Subject, dialect: Dialect, body: Mapping[str, object], turn: _Turn) -> Reply:
        """Return the answer to a question, which is asked again after each request that it gave way to."""
        while True:
            await turn(subject.model)
            if subject.metered:
                return await ask_provider(self._services, subject.instance, dialect, body)
            self._asking = asyncio.create_task(ask(self._services, subject.instance, dialect, body))
            try:
                return await self._asking
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
            finally:
                self._asking = None

    async def _until_quiet(self, model: str) -> None:
        await self._until_idle(model, quiet=self._quiet or 0.0, gives_up=None)

    async def _until_idle(self, model: str, *, quiet: float, gives_up: float | None) -> None:
        """Return when nothing was asked of this host for *quiet* seconds.

        Raises:
            EngineLostError: The model is not loaded any more.
            CapacityError: There was no such moment until *gives_up*.
        """
        while True:
            if self._state(model) is not State.READY:
                raise EngineLostError("it is not loaded any more")
            now = self._clock()
            if not self._is_idle():
                self._busy_at = now
            elif now >= self._busy_at + quiet:
                return
            if gives_up is not None and now >= gives_up:
                raise CapacityError(
                    f"'{model}' was not probed: requests kept coming for {PATIENCE:g} s, and they come first",
                    code="busy",
                    retry_after=30.0,
                )
            await asyncio.sleep(_LOOK_EVERY)

    def _is_idle(self) -> bool:
        view = self._services.dispatcher.view()
        busy = any(model.in_flight or model.queued for model in view.models.values())
        return self._asking is None and view.settled and not busy

    def _state(self, model: str) -> State:
        known = self._services.dispatcher.view().models.get(model)
        return State.COLD if known is None else known.state

    @staticmethod
    def _bounded(subject: Subject, tokens: int) -> int:
        """Return at most half of the context: the rest is for the prompt, which some engines count beforehand."""
        context = subject.instance.facts.context or subject.instance.profile.context
        return tokens if context is None else max(16, min(tokens, context // 2))


def _by_verdict(found: Found) -> dict[str, list[str]]:
    return {
        str(verdict): [name for name, finding in found.items() if finding.verdict is verdict]
        for verdict in ProbeVerdict
    }
