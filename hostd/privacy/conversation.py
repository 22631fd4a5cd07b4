"""The texts of a request, whatever its dialect: every string of its JSON, names of members and numbers included."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_MEDIA = re.compile(r"(?i)data:(?!text/)[a-z0-9.+-]+/[a-z0-9.+-]+[;,]")
_MEDIA_TYPES = frozenset(
    (
        "audio",
        "document",
        "file",
        "image",
        "image_url",
        "input_audio",
        "input_file",
        "input_image",
        "video",
        "video_url",
    )
)
_MEDIA_MEMBERS = ("audio", "file", "file_data", "file_id", "image", "image_url", "input_audio", "source", "video_url")
_BARE_MEMBERS = ("file_data", "images", "inline_data", "input_audio")
_TEXT_SOURCES = ("content", "text")


def texts(value: Any) -> Iterator[str]:
    """Yield every text in *value*, decoded JSON, but for encoded media. Parts that are read as one are yielded joined, too."""
    if isinstance(value, str):
        if _MEDIA.match(value) is None:
            yield value
    elif isinstance(value, Mapping):
        encoded = value.get("type") == "base64"
        for name, member in value.items():
            yield name
            if not (encoded and name == "data"):
                yield from texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts(member)
        joined = [part["text"] for part in value if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
        if len(joined) > 1:
            yield "".join(joined)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield json.dumps(value)


def holds_media(value: Any) -> bool:
    """Return whether *value* has pictures, sounds or files, which are no text."""
    if isinstance(value, str):
        return _MEDIA.match(value) is not None
    if isinstance(value, Mapping):
        return _is_media(value) or any(map(holds_media, value.values()))
    return isinstance(value, list) and any(map(holds_media, value))


def rewritten(value: Any, rewrite: Callable[[str], str]) -> Any:
    """Return *value* with each of its strings, and the names of members, as *rewrite* returns them."""
    if isinstance(value, str):
        return rewrite(value)
    if isinstance(value, Mapping):
        return {rewrite(name): rewritten(member, rewrite) for name, member in value.items()}
    return [rewritten(member, rewrite) for member in value] if isinstance(value, list) else value


def _is_media(part: Mapping[str, Any]) -> bool:
    """Return whether *part* is a picture, a sound or a file itself, and no schema that describes one."""
    source = part.get("source")
    if isinstance(source, Mapping) and source.get("type") in _TEXT_SOURCES:
        return False
    if part.get("type") in _MEDIA_TYPES and any(name in part for name in _MEDIA_MEMBERS):
        return True
    return any(isinstance(part.get(name), (str, list)) and part[name] for name in _BARE_MEMBERS)
