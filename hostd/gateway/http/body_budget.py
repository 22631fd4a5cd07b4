"""How many bytes of request bodies the daemon holds: many large ones at the same time must not take the machine's memory."""

from collections.abc import Callable

from hostd.domain.errors import CapacityError

_BODIES = 8
_LEAST = 256 * 1024 * 1024
_RETRY_AFTER = 5.0
"""Seconds; a guess: a body is held until its request is over, which may be an upload's time or an answer's."""


class BodyBudget:
    """Bytes of bodies that are being received or belong to requests under way; *largest* bounds one body, *limit* all of them.

    *freed* is told how many are held no more.
    """

    def __init__(
        self, largest: int, limit: int | None = None, *, freed: Callable[[int], None] = lambda _: None
    ) -> None:
        self._freed = freed
        self.largest = largest
        self.limit = max(_LEAST, _BODIES * largest) if limit is None else limit
        self.held = 0

    def __repr__(self) -> str:
        return f"<BodyBudget {self.held} of {self.limit} bytes>"

    def resize(self, largest: int) -> None:
        """Bound what comes from now on as if it had been made with *largest*."""
        self.largest, self.limit = largest, max(_LEAST, _BODIES * largest)

    def take(self, count: int) -> None:
        """Count *count* bytes as held.

        Raises:
            CapacityError: They would be too many; none of them is counted.
        """
        if self.held + count > self.limit:
            raise CapacityError(
                f"requests under way hold {self.held >> 20} MiB of bodies and may hold {self.limit >> 20} MiB; send this one again "
                "when some of them are over",
                code="too_many_bodies",
                retry_after=_RETRY_AFTER,
                status=429,
            )
        self.held += count

    def give(self, count: int) -> None:
        """Count *count* bytes as held no more."""
        self.held -= count
        self._freed(count)
