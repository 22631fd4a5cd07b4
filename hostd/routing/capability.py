"""Which targets can do what a request needs: what its owner declares, and what a probe found where nothing is said.

A model that was declared without a capability refuses what needs it. One that was only found to lack it gives way to any other
target that may have it, and answers as well as it can where there is none: a probe asks a few questions, an owner knows. What
nobody knows gets the benefit of the doubt.
"""

from collections.abc import Sequence

from hostd.domain.capability import Findings, with_found
from hostd.domain.catalog import Catalog
from hostd.domain.profile import Role
from hostd.domain.ticket import Requirements, Target, Task
from hostd.routing.policy import Dropped, Ranked, RouteQuery, split

_TASKS = {
    Task.EMBEDDINGS: "makes no embeddings",
    Task.RERANK: "ranks no texts",
    Task.DECISIONS: "makes no decisions",
}
_JUDGED = ("tools", "vision", "json_schema")
"""Capabilities that a request may need, beside embeddings."""


class CapabilityPolicy:
    """Drops targets that lack what a request needs, or what the role that was asked for requires."""

    def __init__(self, catalog: Catalog, findings: Findings | None = None) -> None:
        self._catalog = catalog
        self._findings = Findings() if findings is None else findings

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Keep the targets that can answer."""
        required = role.require if role else ()
        dropped: dict[str, Dropped] = {}
        for index, target in enumerate(targets):
            if (why := self._lacks(target.model, query.requirements, required)) is not None:
                dropped[target.model] = Dropped(target, why)
            elif (why := self._was_found_to_lack(target.model, query.requirements)) is not None:
                dropped[target.model] = Dropped(target, why, would_do=True)
            elif (
                index
                and query.requirements.task is Task.EMBEDDINGS
                and not self._same_space(targets[0].model, target.model)
            ):
                # Another model's vectors live in another space: an index must never mix them.
                dropped[target.model] = Dropped(target, "embeddings of two models cannot be compared")
        return split(targets, dropped)

    def _same_space(self, asked: str, other: str) -> bool:
        space, others = (self._catalog.profiles[name].capabilities.embedding_space for name in (asked, other))
        return space is not None and space == others

    def _lacks(self, model: str, requirements: Requirements, required: Sequence[str]) -> str | None:
        declared = self._catalog.profiles[model].capabilities
        if requirements.task is not Task.TEXT and requirements.task is not declared.task:
            makes_none, key = _TASKS[requirements.task], requirements.task.value
            return f"'{model}' {makes_none}; set 'capabilities: {{{key}: true}}' in its profile if it can"
        for capability in _JUDGED:
            if getattr(requirements, capability) and getattr(declared, capability) is False:
                return f"'{model}' is declared without {capability}"
        known = with_found(declared, self._findings.of(model)) if required else declared
        for capability in required:
            if getattr(known, capability) in (False, None, "false"):
                return f"the role requires {capability}, which '{model}' does not declare, and no probe has found"
        return None

    def _was_found_to_lack(self, model: str, requirements: Requirements) -> str | None:
        found = self._findings.of(model)
        if not found:
            return None
        known = with_found(self._catalog.profiles[model].capabilities, found)
        for capability in _JUDGED:
            if getattr(requirements, capability) and getattr(known, capability) is False:
                return f"'{model}' was found without {capability}: {found[capability].why}"
        return None
