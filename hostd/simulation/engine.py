"""A virtual engine: its slots share the machine, and an answer ends when its share of the work is done."""

import heapq

BATCH_COST = 0.25
"""How much longer every step takes for each further sequence decoded with it. Decoding reads all weights once per step for all
sequences together, so that a further sequence costs far less than one of its own (llama-bench of 8 to 30 billion parameters on
consumer cards: two sequences give 1.5 to 1.8 times the tokens of one)."""


def slowness(sequences: int) -> float:
    """Return how many times longer an answer takes beside others than alone, so many *sequences* in all."""
    return 1.0 + BATCH_COST * (sequences - 1)


class VirtualEngine:
    """Answers in flight on one loaded model.

    All of them progress at the same rate, so that one number holds the progress of all: an answer that joins when *progress*
    is 7 and takes 3 seconds alone is done at 10, whatever the rate is until then.
    """

    def __init__(self) -> None:
        self._ends: list[tuple[float, str]] = []
        self._progress = 0.0
        self._at = 0.0
        self.edition = 0

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def tickets(self) -> list[str]:
        """Tickets of the answers in flight."""
        return [ticket_id for _, ticket_id in self._ends]

    def join(self, ticket_id: str, work: float, now: float) -> float:
        """Begin an answer that takes *work* seconds alone; return when the next one of all is due."""
        self._advance(now)
        heapq.heappush(self._ends, (self._progress + work, ticket_id))
        return self._due()

    def finish(self, now: float) -> tuple[str, float | None]:
        """End the answer that is due; return its ticket, and when the next one is due (None: there is no other)."""
        self._advance(now)
        _, ticket_id = heapq.heappop(self._ends)
        return ticket_id, self._due() if self._ends else None

    def _advance(self, now: float) -> None:
        if self._ends:
            self._progress += (now - self._at) / slowness(len(self._ends))
        self._at = now

    def _due(self) -> float:
        self.edition += 1
        return self._at + max(0.0, self._ends[0][0] - self._progress) * slowness(len(self._ends))
