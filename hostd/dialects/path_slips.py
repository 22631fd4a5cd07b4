"""What a client's path means whose base URL is not quite right: without ``/v1``, with it twice, with a slash too many."""

from collections.abc import Iterator

_PREFIXES = ("v1", "api")
"""What the paths of all dialects begin with; OpenAI's is meant where a client has none."""


def meant_by(path: str) -> Iterator[str]:
    """Yield the paths that *path*, at which nothing answers, may stand for, the likeliest first."""
    parts = [part for part in path.split("/") if part]
    plain = "/" + "/".join(parts)
    if plain != path:
        yield plain
    last = _PREFIXES[0]
    while parts and parts[0] in _PREFIXES:
        last = parts.pop(0)
    if parts:
        rest = "/".join(parts)
        yield f"/{last}/{rest}"
        yield from (f"/{prefix}/{rest}" for prefix in _PREFIXES if prefix != last)
