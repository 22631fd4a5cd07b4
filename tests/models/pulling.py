"""What tests of downloads share: contents worth some megabytes, and a listener that records."""

import random
from dataclasses import dataclass, field, replace
from pathlib import Path

from hostd.models.download.pull import DownloadPlan, prepare
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference, OllamaReference, parse_reference
from tests.models.hub import REPO, Hub

CONTENT = random.Random(5).randbytes(3_000_000)
FILE = f"hf:{REPO}/m.gguf"


@dataclass
class Recorder:
    """Counts what moved and keeps what was told; never waits."""

    count: int = 0
    sentences: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def moved(self, count: int) -> None:
        """Count."""
        self.count += count

    def told(self, sentence: str) -> None:
        """Keep the sentence."""
        self.sentences.append(sentence)

    def pause(self, seconds: float) -> None:
        """Keep how long a download would have waited."""
        self.pauses.append(seconds)


def ordered(text: str, locations: ModelLocations, *, projector: bool | None = None) -> DownloadPlan:
    """Return the order for what *text* names."""
    reference = parse_reference(text)
    assert isinstance(reference, HubReference | OllamaReference)
    return prepare(reference, locations, projector=projector)


def stores(hub: Hub, folder: Path) -> ModelLocations:
    """Return locations that lead to the hub, with stores below *folder*."""
    return replace(hub.locations(folder), ollama_stores=(folder / "ollama", folder / "other"))
