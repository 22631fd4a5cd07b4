"""Which conversation a request continues, as far as its place in an engine's cache matters."""

from typing import NamedTuple


class ConversationId(NamedTuple):
    """Digests that tell conversations apart: *key* this one, *preamble* all of one client that begin with the same instructions.

    Both are of one client, so that no two clients ever have the same; both are empty where nothing is known.
    """

    key: str = ""
    preamble: str = ""


UNKNOWN = ConversationId()
"""A request that continues nothing that could be found again."""


class KeptConversations(NamedTuple):
    """What is kept of a model's conversations over slots and loads: so many *files* of *size* bytes.

    *why_not* is a sentence on why nothing is kept, or used, and *note* one on how it is; None where there is nothing to say.
    """

    files: int = 0
    size: int = 0
    why_not: str | None = None
    note: str | None = None
