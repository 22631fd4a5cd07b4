"""What an answer took, as an engine or its clock tells it."""

from typing import NamedTuple


class AnswerSums(NamedTuple):
    """The tokens of a *prompt*, of which *cached* were not read anew (None: not told), and of its *answer*; 0 where not counted.

    *reading* and *writing* are the seconds for the tokens that were read and for those of the answer; 0.0 where they are not known.
    *ttft* is the time in seconds from the request to the engine until its first token.
    """

    prompt: int = 0
    cached: int | None = None
    answer: int = 0
    reading: float = 0.0
    writing: float = 0.0
    ttft: float = 0.0

    @property
    def read(self) -> int:
        """The tokens of the prompt that were read anew."""
        return max(0, self.prompt - (self.cached or 0))
