"""What a model offers its clients: the owner's word where he gave one, and where he was silent that of the server that runs.

Whether it makes embeddings is the owner's to say: without his word no such request is sent there, whatever a server could do.
"""

from dataclasses import asdict
from typing import Any

from hostd.backends.contract import Facts
from hostd.domain.profile import Profile


def capabilities(profile: Profile, facts: Facts) -> dict[str, Any]:
    """Return what *profile* can do by the names of its capabilities; None where neither owner nor server says."""
    declared = asdict(profile.capabilities)
    return declared | {name: getattr(facts, name) for name in ("tools", "vision") if declared[name] is None}


def context(profile: Profile, facts: Facts) -> int | None:
    """Return how many tokens one request may have: what was declared, or less where the server says so; None: nobody says."""
    return min((tokens for tokens in (profile.context, facts.context) if tokens), default=None)
