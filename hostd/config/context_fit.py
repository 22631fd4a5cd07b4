"""What becomes of requests that no model of a role has the context for, in the files of the owner."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from hostd.config import field_types
from hostd.config.document import Document
from hostd.config.section import Section, key, long_form
from hostd.config.validators import shown
from hostd.config.yaml_positions import YamlMapping


class ContextSection(Section):
    """A request that is longer than the context of each target that may answer it is made to fit; without this, it gets a 400.

    The oldest results of tools are cut first, then what else is old is replaced by a summary, where `summary` names who writes
    it. What was done is said in `x-hostd-context-fit`.
    """

    overflow: field_types.Overflow = key("`fit`: it is made to fit; `refuse`: it is refused.", "fit")
    summary: field_types.Text | None = key(
        "A profile of this machine that summarises what is left out; without it, only results of tools are cut."
    )


Context = Annotated[
    ContextSection,
    BeforeValidator(lambda value: long_form(value, "overflow", str), field_types.Overflow | ContextSection),
]


def check_context(host: Document, value: YamlMapping, owners: Mapping[str, Document]) -> None:
    """Report a profile for summaries that could send conversations to a provider."""
    context = value.get("context")
    if not isinstance(context, YamlMapping):
        return
    name = context.get("summary")
    owner = owners.get(name) if isinstance(name, str) else None
    variants = owner.root.get("variants") if owner is not None else None
    if any(isinstance(each, YamlMapping) and each.get("backend") == "cloud" for each in variants or ()):
        host.report(
            f"profile {shown(name)} may be served by a provider, and summaries are written on this machine; name another one",
            context.values_at["summary"],
        )
