"""Roles: stable names for agents, and the rules by which their requests are routed."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from hostd.config import field_types, validators
from hostd.config.budget import BudgetSection
from hostd.config.cascade import CascadeSection
from hostd.config.context_fit import Context
from hostd.config.likeness import Example
from hostd.config.model_choice import StagesSwitch, Suffices
from hostd.config.section import Section, items, key, keys
from hostd.config.window import WindowSection, long_window


def _share(value: object) -> float:
    number = validators.amount(value.removesuffix("%").strip() if isinstance(value, str) else value)
    share = number / 100 if isinstance(value, str) and value.endswith("%") else number
    if not 0 < share <= 1:
        raise validators.InvalidValue(f"{validators.shown(value)} is no share of a budget; write such as 80%, or 0.8")
    return share


Share = Annotated[
    float,
    field_types.FieldType(
        _share, {"type": ["string", "number"], "examples": ["80%", 0.8]}, lambda given: f"{given * 100:g}%"
    ),
]


class ConditionSection(Section):
    """What a request has to be for a rule; all that is written must hold, and of several words, clients or times one is enough."""

    words: list[field_types.Text] = items("Words or phrases in what the user said last, in any case.")
    like: list[Example] = items(
        "Examples that what the user said last is to be like in its words' meaning, and more so than the examples of other rules; "
        "needs `pip install 'hostd[semantic]'`."
    )
    regex: field_types.Expression | None = key(
        "A regular expression that matches somewhere in what the user said last."
    )
    longer_than: field_types.Whole | None = key("Tokens of the whole prompt, estimated, of which it has more.")
    shorter_than: field_types.Count | None = key("Tokens of the whole prompt, estimated, of which it has fewer.")
    tools: field_types.Switch | None = key("Whether it offers tools.")
    pictures: field_types.Switch | None = key("Whether it shows pictures.")
    private: field_types.Switch | None = key("Whether it must not leave this machine.")
    budget_used: Share | None = key(
        "How much of a budget of the day or the month is used up, such as 80%, from which on it holds; of those that the sender's "
        "key, the role, the session or the host have, the one that is used up most counts."
    )
    clients: list[field_types.Text] = items(
        "Names of clients, of their keys or of `x-hostd-client`; `*` stands for anything."
    )
    metadata: dict[field_types.Text, field_types.Text] = keys("What the request's own `metadata` says.")
    times: list[Annotated[WindowSection, BeforeValidator(long_window, field_types.Hours | WindowSection)]] = items(
        "Hours of the week, local time; each may be written short, such as 'mon-fri 08:30-18:00'."
    )

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        if self.longer_than is not None and self.shorter_than is not None and self.longer_than + 1 >= self.shorter_than:
            raise ValueError("no prompt is both that long and that short, so the rule would never hold")
        return self


class RuleSection(Section):
    """Which profiles of a role come first for some of its requests."""

    when: ConditionSection = keys("What a request has to be; without any condition, the rule always holds.")
    to: Annotated[
        list[field_types.Text],
        Field(min_length=1),
        BeforeValidator(
            lambda value: value if isinstance(value, list) else [value], field_types.Text | list[field_types.Text]
        ),
    ] = Field(description="A profile of the role's `use`, or several in order; the others come after them.")


class RoleSection(Section):
    """A stable name for agents: the first of *use* that has the capabilities in *require* and is free answers."""

    use: list[field_types.Text] = Field(min_length=1, description="Names of profiles, in order of preference.")
    require: list[field_types.Capability] = items("What a profile must be able to do.")
    thinking: field_types.ThinkingWish | None = key(
        "`off`, `on` or `auto`, in the place of the profiles' own `thinking`."
    )
    priority: field_types.Priority | None = key(
        "`batch`: its requests give way to `interactive` ones, which they are by themselves, whatever they ask for."
    )
    route: list[RuleSection] = items(
        "Rules; the first one that holds says which of `use` come first. In the middle of an agent's step, while the result of a "
        "tool is pending, a conversation stays with its model."
    )
    budget: BudgetSection | None = key("What all requests for this role may use up.")
    context: Context | None = key(
        "What becomes of a request that is longer than the context of each of its targets: `fit`, or `refuse` as without it."
    )
    cascade: CascadeSection | None = key(
        "Checks that an answer has to pass; where it fails one, a dearer profile of `use` is asked."
    )
    safety: field_types.Text | None = key(
        "The profile that answers requests which go round in a circle (see `guardrails`); without it they are refused."
    )
    suffices: dict[field_types.Text, Suffices] = keys(
        "Up to which complexity (1 to 10, assessed by what the user said last) each profile of `use` suffices, such as "
        "`{small: 3, medium: {any: 5, code: 7}}`; one that is not named suffices for anything. The best price among them is first."
    )
    stages: StagesSwitch | None = key(
        "`on`, as by itself where `suffices` is written: when the tools of an agent answer with failures again and again, its next "
        "step goes one model up, and back when its work progresses. `off`: a step stays with its model."
    )
    minute_usd: field_types.Amount | None = key(
        "What a minute of waiting is worth, in USD (0.05 where it is not written): of several models that suffice the one with the "
        "best price comes first, its tokens, its queue, its load and the reading of the conversation counted."
    )
