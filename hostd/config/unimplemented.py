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
    found = list(_secret_flags(doc.root.get("args")))
    for index, variant in enumerate(doc.root["variants"]):
        found += _variant(f"variants[{index}]", variant)
    return _sentences(doc, found)


def _sentences(doc: Document, found: list[ConfigIssue]) -> list[str]:
    return [f"{doc.file}:{at.line}:{at.column}: {message}" for message, at in sorted(found, key=lambda note: note.at)]


def _written(table: Any, path: tuple[str, ...], what: str) -> Iterator[ConfigIssue]:
    *above, key = path
    for step in above:
        table = table.get(step) or {}
    if table.get(key):
        yield ConfigIssue(f"{'.'.join(path)} {what}", table.keys_at[key])


def _variant(name: str, variant: YamlMapping) -> Iterator[ConfigIssue]:
    if variant["backend"] != "cloud":
        return
    if (key := variant.get("api_key")) and not isinstance(key, Secret):
        yield ConfigIssue(
            f"{name}.api_key stands in this file as it is, for everybody who can read the file or a copy of it; "
            "write ${env:NAME}, or move it to a 'key_file'",
            variant.values_at["api_key"],
        )


def _secret_flags(args: Any) -> Iterator[ConfigIssue]:
    for flag, value in args.items() if isinstance(args, YamlMapping) else ():
        if isinstance(value, Secret):
            yield ConfigIssue(
                f"args.{flag} comes from the environment and is shown to nobody, but where the engine has no variable for it, "
                "it stands on the engine's command line, which every user of this machine can read",
                args.keys_at[flag],
            )
