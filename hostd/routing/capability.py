"""Which targets can do what a request needs: what its owner declares, with the benefit of the doubt where nothing is said."""

from collections.abc import Sequence

from hostd.domain.catalog import Catalog
from hostd.domain.profile import Role
from hostd.domain.ticket import Requirements, Target, Task
from hostd.routing.policy import Dropped, Ranked, RouteQuery, split

_TASKS = {
    Task.EMBEDDINGS: "makes no embeddings",
    Task.RERANK: "ranks no texts",
    Task.DECISIONS: "makes no decisions",
}


class CapabilityPolicy:
    """Drops targets that lack what a request needs, or what the role that was asked for requires."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:  # noqa: ARG002
        """Keep the targets that can answer."""
        required = role.require if role else ()
        dropped: dict[str, Dropped] = {}
        for index, target in enumerate(targets):
            if (why := self._lacks(target.model, query.requirements, required)) is not None:
                dropped[target.model] = Dropped(target, why)
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
        for capability in ("tools", "vision", "json_schema"):
            if getattr(requirements, capability) and getattr(declared, capability) is False:
                return f"'{model}' is declared without {capability}"
        for capability in required:
            if getattr(declared, capability) in (False, None):
                return f"the role requires {capability}, which '{model}' does not declare"
        return None
