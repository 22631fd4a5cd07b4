"""When an attempt has taken too long: pure, with time as an argument.

Before the first token, ``first_token_timeout`` counts, and from then on ``stall_timeout``: both since the last sign of progress,
be it in the answer itself or elsewhere in the engine. Where the owner has set a ``prefill_timeout``, it counts from the attempt's
beginning to the first token, whatever progress there is. At all times the whole time of the request counts.
"""

from hostd.domain.profile import Limits
from hostd.domain.reason import FallbackReason

_NEVER = float("inf")


class AttemptLimits:
    """The limits of one attempt that began at *now* and has so many seconds *left* of the request's whole time.

    *began_answer* says that something of the answer itself was received.
    """

    def __init__(self, limits: Limits, now: float, left: float) -> None:
        self.began_answer = False
        self._limits = limits
        self._end = now + left
        self._sign_at = now
        self._prefill_end = _NEVER if limits.prefill_timeout is None else now + limits.prefill_timeout

    @property
    def due(self) -> float:
        """When a limit will have passed unless there is progress."""
        end = self._end
        if self.began_answer:
            limit = self._sign_at + self._limits.stall_timeout
        else:
            limit = self._sign_at + self._limits.first_token_timeout
            end = self._prefill_end if self._prefill_end < end else end  # noqa: FURB136 - as below
        return limit if limit < end else end  # noqa: FURB136 - asked for each request, and a call costs more

    @property
    def reason(self) -> FallbackReason:
        """What it is called when the limit passes without progress."""
        return FallbackReason.STALL if self.began_answer else FallbackReason.FIRST_TOKEN_TIMEOUT

    def left(self, now: float) -> float:
        """Return how many seconds are left of the whole time of the request."""
        return self._end - now

    def is_over(self, now: float) -> bool:
        """Return whether the whole time of the request is up."""
        return now >= self._end

    def reads_too_long(self, now: float) -> bool:
        """Return whether the prompt alone has taken longer than it may."""
        return not self.began_answer and now >= self._prefill_end

    def progress(self, at: float) -> None:
        """Note a sign of progress."""
        self._sign_at = max(self._sign_at, at)

    def excuse(self, seconds: float) -> None:
        """Note that nothing could be received for *seconds*, which is not the engine's doing."""
        self._sign_at += seconds
        self._end += seconds
        self._prefill_end += seconds
