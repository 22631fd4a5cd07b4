"""What a probe found that a model can really do, beside what its owner declares."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from hostd.domain.profile import Capabilities

PROBED = ("tools", "forced_tools", "parallel_tools", "json_schema", "thinking", "vision", "embeddings")
"""What a probe looks for, in the order in which it is shown. ``tools`` are calls that a model makes of its own accord."""


class ProbeVerdict(StrEnum):
    """Whether a model can do something; *unknown* where an answer proves neither."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @property
    def says(self) -> bool | None:
        """The verdict as a flag; None where it is not known."""
        return None if self is ProbeVerdict.UNKNOWN else self is ProbeVerdict.YES


class Finding(NamedTuple):
    """A verdict and *why*, a clause. *cut* says that the answer ended at its limit of tokens, so that more may tell more."""

    verdict: ProbeVerdict
    why: str
    cut: bool = False


Found = Mapping[str, Finding]
"""What was found of one model, by the names in `PROBED`; what is missing was not looked for yet."""


class Findings:
    """What was found of each model, as far as it holds for its engine. *revision* counts the changes."""

    def __init__(self) -> None:
        self.revision = 0
        self._found: dict[str, Found] = {}

    def __repr__(self) -> str:
        return f"<Findings of {len(self._found)} models>"

    def of(self, model: str) -> Found:
        """Return what was found of *model*; empty where it was not probed."""
        return self._found.get(model, {})

    def put(self, model: str, found: Found) -> None:
        """Replace what holds for *model*."""
        if dict(self.of(model)) != dict(found):
            self._found[model] = dict(found)
            self.revision += 1


def with_found(declared: Capabilities, found: Found) -> Capabilities:
    """Return *declared* with what was *found* in the place of what its owner does not say.

    Embeddings stay as they are declared: an engine is launched for them, or it is not.
    """
    says = {name: finding.verdict.says for name, finding in found.items()}
    thinks = says.get("thinking")
    return replace(
        declared,
        tools=says.get("tools") if declared.tools is None else declared.tools,
        vision=says.get("vision") if declared.vision is None else declared.vision,
        json_schema=says.get("json_schema") if declared.json_schema is None else declared.json_schema,
        thinking=str(thinks).lower() if declared.thinking is None and thinks is not None else declared.thinking,
    )
