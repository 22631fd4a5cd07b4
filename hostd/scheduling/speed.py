"""How fast a model reads and writes, learnt from its answers."""

from dataclasses import dataclass, fields

from hostd.domain.answer_sums import AnswerSums

_WEIGHT = 0.2
"""Weight of the newest value in a moving average: about the last ten of them count."""
_LEAST_READ, _LEAST_WRITTEN = 64, 8
"""Tokens from which the time for them tells a rate: of fewer, most of the time is for other things."""


@dataclass(slots=True)
class Speed:
    """Moving averages over a model's answers; None: not known yet.

    *reads* and *writes* are tokens a second, *cached* is the share of prompts that was not read anew and *reused* how many tokens
    of each that were, *ttft* the seconds until the first token.
    """

    reads: float | None = None
    writes: float | None = None
    cached: float | None = None
    reused: float | None = None
    ttft: float | None = None

    def learn(self, sums: AnswerSums) -> None:
        """Fold in one answer."""
        if sums.reading > 0.0 and (read := sums.read) >= _LEAST_READ:
            self.reads = _folded(self.reads, read / sums.reading)
        if sums.answer >= _LEAST_WRITTEN and sums.writing > 0.0:
            self.writes = _folded(self.writes, sums.answer / sums.writing)
        if sums.cached is not None and sums.prompt:
            self.cached = _folded(self.cached, min(1.0, sums.cached / sums.prompt))
            self.reused = _folded(self.reused, sums.cached)
        if sums.ttft > 0.0:
            self.ttft = _folded(self.ttft, sums.ttft)

    def recall(self, before: "Speed") -> None:
        """Go on from what was known *before*, where nothing was learnt since."""
        for each in fields(self):
            if getattr(self, each.name) is None:
                setattr(self, each.name, getattr(before, each.name))

    @property
    def saved_seconds(self) -> float:
        """What the next request would take longer if nothing of its prompt had been read before; 0.0 where that is not known."""
        return self.seconds_to_read(self.reused or 0.0)

    def seconds_to_read(self, tokens: float) -> float:
        """Return how long it takes to read *tokens*; 0.0 where that is not known."""
        return tokens / self.reads if self.reads else 0.0


def _folded(before: float | None, value: float) -> float:
    return value if before is None else before + _WEIGHT * (value - before)
