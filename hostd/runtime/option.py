"""Which of a profile's variants is served: the one that was decided on, or the best that can be launched."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hostd.backends.contract import Backend, Launch
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.choice import Choice
from hostd.runtime.ports import free_port
from hostd.runtime.weights import located


@dataclass(frozen=True, slots=True)
class Option:
    """One declared variant and the backend that serves it, None where this hostd has no such backend.

    Whether it can be served is looked at anew each time: what was just pulled, or put into its place, counts at once.
    """

    variant: Variant
    backend: Backend | None

    @classmethod
    def of(cls, variant: Variant, backends: Mapping[str, Backend]) -> "Option":
        """Return what this host can do with *variant*."""
        return cls(variant, backends.get(variant.backend))

    @property
    def why_not(self) -> str | None:
        """Why it cannot be served now, as a sentence for the owner; None when it can. Looks at files."""
        try:
            self.servable()
        except EngineError as error:
            return error.message
        return None

    def servable(self) -> tuple[Variant, Backend]:
        """Return the variant with the path of its weights, and its backend. Looks at files.

        Raises:
            EngineError: It cannot be served now; class missing_file.
        """
        if self.backend is None:
            raise EngineError(
                f"backend '{self.variant.backend}' is not implemented here", exit_class=ExitClass.MISSING_FILE
            )
        variant = located(self.variant)
        if why_not := self.backend.accepts(variant):
            raise EngineError(why_not, exit_class=ExitClass.MISSING_FILE)
        return variant, self.backend


@dataclass(frozen=True, slots=True)
class Prepared:
    """A variant that is about to be served: by whom, as decided by whom (None: nobody), and how."""

    variant: Variant
    backend: Backend
    choice: Choice | None
    launch: Launch


async def prepare(profile: Profile, options: Sequence[Option], choice: Choice | None) -> Prepared:
    """Return how to launch what *choice* says; without one, the best that can be: a missing file gives way to the next.

    Raises:
        EngineError: None can; says what keeps each of them.
    """
    troubles: list[EngineError] = []
    candidates = options if choice is None else (options[choice.variant],)
    for option in candidates:
        try:
            return await asyncio.to_thread(_prepared, profile, option, choice)
        except EngineError as error:
            troubles.append(error)
    if len(troubles) == 1:
        raise troubles[0]
    reasons = "; ".join(
        f"{option.variant.label}: {error.message}" for option, error in zip(candidates, troubles, strict=True)
    )
    raise EngineError(f"no variant can be served here ({reasons})", exit_class=troubles[0].exit_class)


def _prepared(profile: Profile, option: Option, choice: Choice | None) -> Prepared:
    variant, backend = option.servable()
    launch = backend.launch(profile, variant, choice, free_port(), secrets.token_urlsafe(24))
    return Prepared(option.variant, backend, choice, launch)
