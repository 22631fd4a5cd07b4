"""Notes on valid keys with an effect that the owner should know of, each with its position."""

from collections.abc import Iterator
from typing import Any

from hostd.config.document import Document
from hostd.config.yaml_positions import ConfigIssue, YamlMapping
from hostd.domain.secret import Secret


def profile_notes(doc: Document) -> list[str]:
    """Return one sentence for each key of a checked profile of whose effect the owner should know."""
    found = list(_secret_flags(doc.root.get("args")))
    for index, variant in enumerate(doc.root["variants"]):
        found += _variant(f"variants[{index}]", variant)
    return _sentences(doc, found)


def _sentences(doc: Document, found: list[ConfigIssue]) -> list[str]:
    return [f"{doc.file}:{at.line}:{at.column}: {message}" for message, at in sorted(found, key=lambda note: note.at)]


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
