"""Which requests go round in a circle: through too many gateways, or as a session that says the same over and over.

A request has come through as many gateways as ``x-hostd-hop`` counts. Proxies that drop that header pass ``traceparent`` on: where
one is on the way here several times at once with the same last message, each is inside the one before.
A session repeats itself where the same last message has been answered again and again, while its conversation did not
become shorter: one that is shorter has begun anew, as batches do.
"""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from hostd.domain.server_settings import GuardrailSettings

_MOST_SESSIONS = 10_000
"""Sessions that are kept in mind; clients name them as they like."""


class LoopSigns(NamedTuple):
    """What of one request shows a circle. *message* is the digest of its last message, *size* the bytes of all.

    *hops* are the gateways that it says it has come through, *trace* is its ``traceparent``, *session* the name of its session;
    None where it has none.
    """

    message: str
    size: int
    hops: int = 0
    trace: str | None = None
    session: str | None = None


class Circle(NamedTuple):
    """Why a request is taken to go round in a circle; one *through_gateways* must not be sent to another of them."""

    why: str
    through_gateways: bool = False


@dataclass(slots=True)
class _Conversation:
    """The times at which one last *message* of a session was answered, while its body had *size* bytes or more."""

    message: str
    size: int
    answered: deque[float] = field(default_factory=deque)


class LoopGuard:
    """Remembers traces that are under way and the last messages of sessions; times are in seconds on any one clock."""

    def __init__(self) -> None:
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._sessions: OrderedDict[str, _Conversation] = OrderedDict()
        self._firsts: OrderedDict[str, str] = OrderedDict()

    def leads_on(self, signs: LoopSigns, trace: str) -> None:
        """Note that a request is passed on with another *trace* than its own: what comes back with it is inside that request."""
        if signs.trace is not None and trace != signs.trace:
            self._firsts[trace] = self._first(signs.trace)
            if len(self._firsts) > _MOST_SESSIONS:
                self._firsts.popitem(last=False)

    def _first(self, trace: str) -> str:
        return self._firsts.get(trace, trace)

    def began(self, signs: LoopSigns, settings: GuardrailSettings, now: float) -> Circle | None:
        """Note that a request begins; return why it goes round in a circle, None where it does not. `ended` follows in any case."""
        passed = signs.hops
        if signs.trace is not None:
            key = self._first(signs.trace), signs.message
            passed = max(passed, self._under_way[key])
            self._under_way[key] += 1
        if passed > settings.max_hops:
            why = f"it has come through {passed} gateways, and guardrails.max_hops allows {settings.max_hops}"
            return Circle(why, through_gateways=True)
        times = self._repeats(signs, settings, now)
        if settings.max_repeats and times >= settings.max_repeats:
            return Circle(
                f"its session has been answered the same message {times} times within {settings.repeats_within:g} s, and "
                f"guardrails.max_repeats allows {settings.max_repeats}"
            )
        return None

    def ended(self, signs: LoopSigns, now: float, *, answered: bool) -> None:
        """Note that a request is over, and whether it was *answered*."""
        if signs.trace is not None:
            key = self._first(signs.trace), signs.message
            self._under_way[key] -= 1
            if self._under_way[key] <= 0:
                del self._under_way[key]
        if answered and signs.session is not None:
            self._conversation(signs).answered.append(now)

    def _repeats(self, signs: LoopSigns, settings: GuardrailSettings, now: float) -> int:
        if signs.session is None or signs.session not in self._sessions:
            return 0
        answered = self._conversation(signs).answered
        while answered and answered[0] <= now - settings.repeats_within:
            answered.popleft()
        return len(answered)

    def _conversation(self, signs: LoopSigns) -> _Conversation:
        """Return what is remembered of the session of *signs*: nothing, where it says something else by now, or less."""
        name = signs.session or ""
        found = self._sessions.get(name)
        if found is None or found.message != signs.message or signs.size < found.size:
            found = self._sessions[name] = _Conversation(signs.message, signs.size)
        found.size = signs.size
        self._sessions.move_to_end(name)
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return found
