"""Whether and how much a model is to think before it answers: what a request or the owner wishes, and what a model can be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

LEVELS = ("minimal", "low", "medium", "high", "xhigh", "max")
"""Levels of effort, the least first, as all APIs together know them."""
USUAL_LEVELS = ("low", "medium", "high")
"""Levels that every API with levels knows."""
BUDGET = "thinking_budget"
"""The variable of templates that takes a number of tokens of thought."""
NO_EFFORT = "none"
"""The level of effort that is no thought at all."""

TemplateValue = bool | int | str
Variables = Mapping[str, TemplateValue]
_NO_VARIABLES: Variables = MappingProxyType({})


class ThinkingDefault(StrEnum):
    """What holds where a request says nothing of thinking; with ``auto`` the model decides."""

    OFF = "off"
    ON = "on"
    AUTO = "auto"

    @property
    def wish(self) -> "ThinkingWish | None":
        """The same as a wish; None where there is none."""
        return _WISHES[self]


@dataclass(frozen=True, slots=True)
class ThinkingWish:
    """How much a model is to think. None: not said.

    *effort* is one of `LEVELS`, or a word that only some model knows; *budget* is how many tokens of thought it may have at most.
    """

    think: bool | None = None
    effort: str | None = None
    budget: int | None = None

    @classmethod
    def of_effort(cls, effort: str) -> "ThinkingWish":
        """Return the wish for a level of effort, ``none`` among them."""
        return cls(think=False) if effort == NO_EFFORT else cls(think=True, effort=effort)

    def over(self, default: "ThinkingWish | None") -> "ThinkingWish":
        """Return this wish, with *default* for whether to think where it does not say."""
        return self if self.think is not None or default is None else replace(self, think=default.think)


_WISHES = {
    ThinkingDefault.AUTO: None,
    ThinkingDefault.ON: ThinkingWish(think=True),
    ThinkingDefault.OFF: ThinkingWish(think=False),
}


@dataclass(frozen=True, slots=True)
class TemplateWords:
    """The variables of a template that say a wish, and a *note* of what is said instead where that is another thing."""

    variables: Variables = field(default_factory=lambda: _NO_VARIABLES)
    note: str = ""


@dataclass(frozen=True, slots=True)
class ThinkingControl:
    """What a model's template makes of variables about thinking.

    *on* and *off* are the variables that have the model think, and not think: none where it does so anyway, None where it cannot be
    brought to. *efforts* are the variables of each level of effort. *by_default* says whether it thinks without any of them; None
    where that does not show. *marks* says that the template knows marks of thought.
    """

    on: Variables | None = None
    off: Variables | None = field(default_factory=lambda: _NO_VARIABLES)
    efforts: Mapping[str, Variables] = field(default_factory=lambda: MappingProxyType({}))
    by_default: bool | None = None
    marks: bool = False

    @property
    def capability(self) -> str | None:
        """Whether the model thinks, as a profile's ``capabilities.thinking`` says it; None where that does not show."""
        if self.on is None:
            return "false"
        if self.off is not None:
            return "optional"
        return "true" if self.by_default else None

    def words(self, wish: ThinkingWish) -> TemplateWords:
        """Return the variables that come nearest to *wish*."""
        if wish.think is False:
            if self.off is not None:
                return TemplateWords(self.off)
            least = nearest(LEVELS[0], self.efforts)
            if least is not None:
                return TemplateWords(self.efforts[least], least)
            return TemplateWords(note="on" if self.by_default else "")
        if wish.think is None and wish.effort is None:
            return TemplateWords()
        if self.on is None:
            return TemplateWords(note="off")
        on = {**self.on, BUDGET: wish.budget} if BUDGET in self.on and wish.budget else self.on
        level = nearest(wish.effort, self.efforts) if wish.effort else None
        if level is None:
            return TemplateWords(on)
        return TemplateWords({**on, **self.efforts[level]}, "" if level == wish.effort else level)


def nearest(effort: str, known: Mapping[str, object] | tuple[str, ...]) -> str | None:
    """Return the level among *known* that is nearest to *effort*, of two as near the higher; None where there is none.

    A word that is no level is taken for the usual one.
    """
    if effort in known:
        return effort
    place = LEVELS.index(effort if effort in LEVELS else "medium")
    levels = [(abs(LEVELS.index(level) - place), -LEVELS.index(level), level) for level in known if level in LEVELS]
    return min(levels)[2] if levels else None
