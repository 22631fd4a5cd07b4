"""What a role's cascade checks, in the files of the owner."""

from typing import Annotated

from pydantic import Field

from hostd.config import field_types
from hostd.config.document import Document
from hostd.config.section import Section, key
from hostd.config.validators import shown
from hostd.config.yaml_positions import YamlMapping, YamlSequence
from hostd.domain.cascade import FREE_CHECKS


class CascadeSection(Section):
    """The cheapest profile of `use` answers first; where a check fails, the next dearer one is asked, and its answer given.

    Until its checks have passed, an answer is held back, that of the last step apart. `{}` makes all checks that cost nothing.
    """

    checks: Annotated[list[field_types.FreeCheck], Field(min_length=1)] = key(
        "Those that cost nothing: `json_schema` (where `response_format` asks for JSON), `tool_calls` (a tool that was offered, "
        "arguments that its schema takes), `refusal` (or nothing said), `repetition`.",
        list(map(str, FREE_CHECKS)),
    )
    min_logprob: field_types.Logprob | None = key(
        "The least mean log-probability of its tokens, such as -1.0; of models that tell none, this is not checked."
    )
    judge: field_types.Text | None = key(
        "A profile, none of `use`, that is asked whether the answer will do; where it does not say so within 10 s, it will."
    )
    max_steps: field_types.Count | None = key(
        "How often another model may be asked; without it, as long as there is a dearer one."
    )


def check_cascade(host: Document, role: str, value: YamlMapping) -> None:
    """Report a cascade without a second step, and a judge that would wait for itself."""
    cascade, use = value.get("cascade"), value.get("use")
    if cascade is None or not isinstance(use, YamlSequence):
        return
    if len(use) < 2:
        host.report(
            f"role '{role}' uses one profile, so that no other can be asked; add a dearer one to `use`, or remove `cascade`",
            value.keys_at["cascade"],
        )
    judge = cascade.get("judge") if isinstance(cascade, YamlMapping) else None
    if isinstance(judge, str) and judge in use:
        host.report(
            f"{shown(judge)} is used by role '{role}', and cannot judge its own answers; name another profile",
            cascade.values_at["judge"],
        )
