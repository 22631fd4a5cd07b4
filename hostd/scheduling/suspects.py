"""Which requests are taken for the cause of an engine's crash, and are refused for a while.

A crash is charged to a request only where the engine crashed of itself (a fault signal, an exit without a known cause) or computed
without an end, and only among the requests of which no content had come: the engine was still reading them. One that was alone
is the cause for all that can be known, and gets no second engine: on the next one, or on its fallback's, it would do the same
to everybody there. Of several, each is a weaker suspect. They are tried again one at a time (`ModelState.accepts`), so that a
second crash tells which one it is; an innocent one is answered meanwhile, and loses some seconds.

What is remembered is a digest of the request, and no word of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hostd.domain.errors import RequestError
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.decisions import RequestSuspected
from hostd.scheduling.events import EngineFailed
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.request_state import RequestState

REFUSED_FOR = 300.0
"""Seconds for which a request that crashed an engine is refused: agents repeat a failed request for minutes, and an engine
that was replaced meanwhile may well answer it."""

ENGINES = 2
"""Engines that one request may take down in company; alone, it is one."""

MOST_REMEMBERED = 1024
"""Digests that are kept; a client that sends ever different ones must not fill the memory."""

CHARGED_IN_A_ROW = 10
"""Crashes of one model, without an answer in between, that are charged to requests. More of them than that are its engine's own
fault: a build that crashes at every prompt must not blame all clients that ask."""


@dataclass(slots=True)
class Suspect:
    """What is remembered of a digest, and *until* when: how many *engines* crashed with it, and *why* it is refused, if it is."""

    engines: int
    until: float
    why: str = ""


class Suspects:
    """What is remembered, *by_digest*; `RequestFlow` alone writes it."""

    def __init__(self) -> None:
        self.by_digest: dict[str, Suspect] = {}

    def known(self, digest: str, now: float) -> Suspect | None:
        """Return what is remembered of *digest*."""
        found = self.by_digest.get(digest)
        return None if found is None or found.until <= now else found

    def refusal(self, request: RequestState, digest: str | None, now: float) -> RequestError | None:
        """Return the error for a request that crashed an engine; None where it may be served, as a suspect perhaps."""
        self.by_digest = {each: record for each, record in self.by_digest.items() if record.until > now}
        known = None if digest is None else self.by_digest.get(digest)
        request.suspect = known is not None
        if known is None or not known.why:
            return None
        return RequestError(
            f"{known.why} while it read this request, which is taken for the cause and refused for another "
            f"{known.until - now:.0f} s on every model. Change it: grammars, JSON schemas with nested repetition and unusual "
            "parameters are what crashes engines most. If you think that it is sound, send it again after that",
            code="request_crashed_engine",
            status=422,
        )

    def charge(self, digest: str, now: float, why: str, *, certain: bool) -> Suspect:
        """Note that a request was there when an engine crashed, as *why* describes; *certain*: nothing else can be the cause."""
        known = self.known(digest, now)
        engines = 1 if known is None else known.engines + 1
        suspect = Suspect(engines, now + REFUSED_FOR, why if certain or engines >= ENGINES else "")
        self.by_digest.pop(digest, None)
        if len(self.by_digest) >= MOST_REMEMBERED:
            del self.by_digest[next(iter(self.by_digest))]
        self.by_digest[digest] = suspect
        return suspect

    def charge_crash(self, model: ModelState, event: EngineFailed, context: DecisionContext) -> tuple[str, ...]:
        """Charge a crash to the requests that the engine of *model* was reading, where they may be its cause; return their ids."""
        reading = model.unanswered | {name: failed.digest or "" for name, (_, failed) in model.awaiting_cause.items()}
        model.unanswered = {}
        if not (event.self_inflicted and reading) or model.charged >= CHARGED_IN_A_ROW:
            return ()
        now, what = context.now, f"the engine of '{model.name}' failed ({event.detail.rstrip('.')})"
        charged, certain = self.culprits(reading, model.serving, now)
        for ticket_id in charged:
            suspect = self.charge(reading[ticket_id], now, what, certain=certain)
            refused_for = suspect.until - now if suspect.why else None
            context.explain(
                RequestSuspected(model.name, ticket_id, event.detail, certain, suspect.engines, refused_for)
            )
        model.charged += 1
        return tuple(charged)

    def culprits(self, reading: Mapping[str, str], others: Collection[str], now: float) -> tuple[list[str], bool]:
        """Return which of the requests that an engine was *reading* (digests by ticket) to charge, and whether that is certain.

        *others* are requests of which it is not known whether the engine was still reading them.
        """
        if len(reading) == 1 and not others:
            return list(reading), True
        # Suspects are served one at a time: the one among newcomers is the cause of the second crash, too.
        marked = [ticket_id for ticket_id, digest in reading.items() if self.known(digest, now)]
        return (marked or list(reading)), len(marked) == 1
