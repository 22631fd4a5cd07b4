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
