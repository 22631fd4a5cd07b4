"""A request on its way: what it needs, which targets may answer it, and how it is admitted."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from hostd.domain.budget import Accounts, Budget
from hostd.domain.cascade import CascadeSettings
from hostd.domain.context_fit import FitSettings
from hostd.domain.conversation import UNKNOWN, ConversationId
from hostd.domain.model_choice import Difficulty
from hostd.domain.reason import USUAL_REASONS, FallbackReason
from hostd.domain.thinking import ThinkingDefault


class Task(StrEnum):
    """What a model is asked for: text, or what only models of a kind of their own make."""

    TEXT = "text"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    DECISIONS = "decisions"


class Requirements(NamedTuple):
    """The capabilities that a request needs; targets that lack one are left out of its route."""

    task: Task = Task.TEXT
    tools: bool = False
    vision: bool = False
    json_schema: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One profile of a route, and the reasons for which a request may fall back to it.

    *via* is the profile whose fallback it is; None where it was asked for itself.
    """

    model: str
    on: frozenset[FallbackReason] = USUAL_REASONS
    via: str | None = None


class Priority(IntEnum):
    """The class of a request in the queue; the lower one is served first."""

    INTERACTIVE = 0
    BATCH = 1


@dataclass(frozen=True, slots=True)
class Route:
    """The targets that may answer a request, first choice first.

    *reason* is set when the profile that was asked for is left out of its own route. *private* says that no target outside
    this machine may see the request, so none is among them. *profile* is what *asked* means first, whether a target or not.
    Of the targets of one that *leaves*, some are not known to be on this machine.
    *why* is the step of routing that has put the first target there, empty where it is the first that its owner names.
    *difficulty* is that of the request, or of what its agent was asked, where that was assessed; *meanwhile* is a model that it
    would rather have chosen, had it been loaded.
    *thinking* is what the role that was asked for says of it, if it does; *priority* is the highest class that it allows. *role* is
    its name, *budget* what it may use up, *safety* the profile that answers in its place what goes round in a circle, if it
    says so, *cascade* what its answers have to pass, and *fit* how a request that is too long is made shorter. *keeps* says that
    one of the targets keeps conversations over slots and restarts.
    """

    asked: str
    targets: tuple[Target, ...]
    reason: FallbackReason | None = None
    private: bool = False
    profile: str = ""
    thinking: ThinkingDefault | None = None
    priority: Priority = Priority.INTERACTIVE
    leaves: bool = False
    why: str = ""
    difficulty: Difficulty | None = None
    meanwhile: str | None = None
    role: str | None = None
    budget: Budget | None = None
    safety: str | None = None
    cascade: CascadeSettings | None = None
    fit: FitSettings | None = None
    keeps: bool = False

    def open_to(self, index: int, reason: FallbackReason, present: int) -> bool:
        """Return whether a request at the target *present* may fall back to the later target *index* for *reason*.

        The fallback of a fallback is open only if every step on the way to it is: an owner who lists a profile for crashes
        alone has not agreed to send full queues to that profile's own fallbacks.
        """
        passed = {target.model for target in self.targets[: present + 1]}
        ahead = {target.model: target for target in self.targets}
        target: Target | None = self.targets[index]
        while target is not None and reason in target.on:
            if target.via is None or target.via in passed:
                return True
            target = ahead.get(target.via)
        return target is None


class Ticket(NamedTuple):
    """One admitted request. A tuple, since one is made for each request.

    *client* and *session* are the names that the client gives itself and its conversation. *deadline* is when its whole time is
    up, waiting included (seconds on the scheduler's clock); the model's own total timeout may end it earlier. *keep_alive* is a
    hint: for how many seconds the client would like the model to stay loaded afterwards. *digest* tells the same request sent
    again; it is made only while requests are refused by it. *prompt_tokens* and *answer_tokens* are what it may be billed for at
    most (0: not said); they are counted only where something has a budget. *conversation* is the one that it continues, where an
    engine keeps conversations apart. *accounts* are the owners of budgets, the target's provider apart.
    """

    id: str
    route: Route
    client: str | None = None
    priority: Priority = Priority.INTERACTIVE
    session: str | None = None
    deadline: float | None = None
    keep_alive: float | None = None
    digest: str | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0
    conversation: ConversationId = UNKNOWN
    accounts: Accounts = ()
