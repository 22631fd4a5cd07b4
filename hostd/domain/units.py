"""Durations and sizes as people write them (``30s``, ``24GiB``) and as programs need them (seconds, bytes)."""

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?B|B)")
_BYTES = {"B": 1} | {
    f"{prefix}{unit}": base**power
    for power, prefix in enumerate("KMGT", start=1)
    for unit, base in (("iB", 1024), ("B", 1000))
}


def parse_duration(text: str) -> float:
    """Return the seconds that *text* means: ``500ms``, ``30s``, ``1.5m``, ``2h``, ``1d``, or a sum such as ``1h30m``.

    Raises:
        ValueError: The text is no duration.
    """
    parts = _DURATION.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f"{text!r} is not a duration; write a number and a unit, such as 500ms, 30s, 5m, 2h")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def parse_size(text: str) -> int:
    """Return the bytes that *text* means: ``512MiB``, ``24GiB``, ``1.5GB``, ``0B``.

    Raises:
        ValueError: The text is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size; write a number and a unit, such as 512MiB, 24GiB, 1.5GB")
    return int(float(match[1]) * _BYTES[match[2]])


def format_duration(seconds: float) -> str:
    """Return *seconds* as the shortest text that `parse_duration` reads back: ``30s``, ``1h30m``, ``250ms``."""
    if seconds < 1 and seconds * 1000 == int(seconds * 1000):
        return f"{int(seconds * 1000)}ms" if seconds else "0s"
    if seconds != int(seconds):
        return f"{seconds:g}s"
    rest, text = int(seconds), ""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_SECONDS[unit]))
        text += f"{count}{unit}" if count else ""
    return text


def format_size(count: int) -> str:
    """Return *count* bytes as the shortest text that `parse_size` reads back exactly: ``24GiB``, ``1536MiB``, ``7B``."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if count and count % 1024**power == 0:
            return f"{count // 1024**power}{unit}"
    return f"{count}B"


def format_bytes(count: int) -> str:
    """Return *count* bytes in the binary unit that keeps it readable: ``640 KiB``, ``18.6 GiB``."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
