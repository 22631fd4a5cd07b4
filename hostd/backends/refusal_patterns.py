"""What an engine means that answers a client's mistake with a status of its own, by its words: a table per engine, read in one way.

Servers answer with 500 whatever they have not foreseen, such as an exception of a template. Clients and their libraries send such a
request again, in vain, and count an outage.
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Self

from hostd.domain.errors import RequestError


class RefusalClass(Enum):
    """Why a request is refused: its code for programs. What is *unfit* for one model may be answered by another."""

    TOO_LONG = "context_length_exceeded"
    UNFIT = "unfit"
    MALFORMED = "engine_refused"


MALFORMED = RefusalClass.MALFORMED.value


class RefusalPatterns:
    """One engine's table; the first row that matches its message wins."""

    def __init__(self, *rows: tuple[RefusalClass, str]) -> None:
        self._rows = tuple((refusal, re.compile(pattern, re.IGNORECASE)) for refusal, pattern in rows)

    @classmethod
    def of_all(cls, tables: Iterable[Self]) -> "RefusalPatterns":
        """Return a table of all rows of *tables*, for a server of which nobody knows what it is."""
        merged = cls()
        merged._rows = tuple(row for table in tables for row in table._rows)  # noqa: SLF001 - its own class
        return merged

    def find(self, message: str) -> RequestError | None:
        """Return the client's mistake that *message* tells of; None where it tells of none."""
        refusal = next((refusal for refusal, pattern in self._rows if pattern.search(message)), None)
        return None if refusal is None else RequestError(message, code=refusal.value)
