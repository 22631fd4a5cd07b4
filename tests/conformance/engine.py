"""What the suite has to know of one engine before it can put it to the test."""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hostd.domain.profile import Profile, Variant

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENTS = REPOSITORY / ".engines"


class Missing(Exception):
    """The engine is not installed here; the reason is what the skipped test says."""


@dataclass(frozen=True, slots=True)
class Stand:
    """An engine that can be run: a *profile* with a tiny model, and the *commands* that the owner would have configured."""

    profile: Profile
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def vary(self, **variant: Any) -> "Stand":
        """Return this stand with another variant."""
        return self.edit(variants=(replace(self.variant, **variant), *self.profile.variants[1:]))

    def edit(self, **profile: Any) -> "Stand":
        """Return this stand with another profile."""
        return replace(self, profile=replace(self.profile, **profile))

    @property
    def variant(self) -> Variant:
        """The variant that is served."""
        return self.profile.variants[0]


def absent(stand: Stand) -> Stand:
    """Return *stand* with weights that are missing."""
    path = stand.variant.path
    assert path is not None
    return stand.vary(path=str(Path(path).with_name("absent" + Path(path).suffix)))


def misspelt(stand: Stand) -> Stand:
    """Return *stand* with a flag that no engine knows."""
    return stand.edit(args={**stand.profile.args, "frobnicate": 1})


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine, described by the module of its own in `tests.conformance.engines`.

    *opens* takes an empty folder and returns a context in which the engine can be run; it raises `Missing` where the engine is
    not installed. A server that is attached to runs within this context. *long* are the fields of a request for an answer
    that lasts some seconds. *misses* are the promises that this engine cannot keep, by the name of the test without its
    ``test_``, each with the sentence that its owner reads. *seconds* is how long a start may take. *slow* says that every start
    takes so long that only CI runs its tests. *attached* says that its process is not hostd's. *absent* and *misspelt* turn a
    good stand into one without weights, and with a bad flag.
    """

    name: str
    opens: Callable[[Path], AbstractAsyncContextManager[Stand]]
    slots: int = 2
    long: Mapping[str, Any] = field(default_factory=lambda: {"max_tokens": 12_000, "ignore_eos": True})
    prompt: str = "Count from 1 to 12."
    misses: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 20.0
    slow: bool = False
    attached: bool = False
    absent: Callable[[Stand], Stand] = absent
    misspelt: Callable[[Stand], Stand] = misspelt


def python_of(name: str, variable: str) -> str:
    """Return the Python of an engine's own environment: what *variable* names, or the one that `scripts/test --engines` made.

    Raises:
        Missing: There is neither.
    """
    own = os.environ.get(variable)
    made = ENVIRONMENTS / name / "bin" / "python"
    if own:
        return own
    if made.exists():
        return str(made)
    raise Missing(f"{name} is not installed: run scripts/test --engines, or name its Python in {variable}")


def program_of(name: str, variable: str) -> str:
    """Return an engine's executable: what *variable* names, or what is on PATH.

    Raises:
        Missing: There is neither.
    """
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        raise Missing(f"{name} is not installed: put it on PATH, or name it in {variable}")
    return found
