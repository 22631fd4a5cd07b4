"""Notes on valid keys that have no effect in this version, or one that the owner should know of, each with its position.

Where serving without the effect would do harm, the note is an obstacle, too: the daemon does not start.
"""

from collections.abc import Iterator
from typing import Any

from hostd.config.document import Document
from hostd.config.yaml_positions import ConfigIssue, YamlMapping
from hostd.domain.errors import Problem
from hostd.domain.secret import Secret

_HOST_OBSTACLES = {("keys", "file"): "clients would be served without a key"}
_PROFILE = (("price",),)
_NOT_SERVED = "cloud"


def host_notes(host: Document) -> list[str]:
    """Return one sentence for each key of `hostd.yaml` that has no effect yet."""
    return [str(problem) for problem in host_obstacles(host)]


def host_obstacles(host: Document) -> list[Problem]:
    """Return one problem for each key of `hostd.yaml` without whose effect the daemon must not serve."""
    return [
        Problem(f"{message}, so 'hostd serve' refuses to start: {why}; remove it", str(host.file), at.line, at.column)
        for path, why in _HOST_OBSTACLES.items()
        for message, at in _written(host.root, path, "is not implemented yet")
    ]


def profile_notes(doc: Document) -> list[str]:
    """Return one sentence for each key of a checked profile that has no effect yet."""
    found = [note for path in _PROFILE for note in _written(doc.root, path)]
    found += _secret_flags(doc.root.get("args"))
    for index, variant in enumerate(doc.root["variants"]):
        found += _variant(f"variants[{index}]", variant)
    return _sentences(doc, found)


def _sentences(doc: Document, found: list[ConfigIssue]) -> list[str]:
    return [f"{doc.file}:{at.line}:{at.column}: {message}" for message, at in sorted(found, key=lambda note: note.at)]


def _written(
    table: Any, path: tuple[str, ...], what: str = "is not implemented yet; it has no effect"
) -> Iterator[ConfigIssue]:
    *above, key = path
    for step in above:
        table = table.get(step) or {}
    if table.get(key):
        yield ConfigIssue(f"{'.'.join(path)} {what}", table.keys_at[key])


def _variant(name: str, variant: YamlMapping) -> Iterator[ConfigIssue]:
    if variant["backend"] == _NOT_SERVED:
        what = f"{name}.backend {variant['backend']}"
        yield ConfigIssue(f"{what} is not implemented yet; this variant will not be used", variant.values_at["backend"])


def _secret_flags(args: Any) -> Iterator[ConfigIssue]:
    for flag, value in args.items() if isinstance(args, YamlMapping) else ():
        if isinstance(value, Secret):
            yield ConfigIssue(
                f"args.{flag} comes from the environment and is shown to nobody, but where the engine has no variable for it, "
                "it stands on the engine's command line, which every user of this machine can read",
                args.keys_at[flag],
            )
