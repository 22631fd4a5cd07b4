"""Addresses and names of machines: IP and hardware addresses, hosts of private networks."""

import ipaddress
import re

from hostd.domain.private_data import DataKind
from hostd.privacy.pattern import Anchor, DataPattern

_ADDRESS = DataKind.ADDRESS
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_PRIVATE_NETWORKS = ("internal", "intranet", "corp", "lan", "home.arpa", "localdomain", "private")


def _tells_a_machine(text: str) -> bool:
    """Return whether *text* is the address of one machine, and neither this one's loopback nor a mask."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or text.startswith("255."))


PATTERNS = (
    DataPattern(
        _ADDRESS,
        Anchor(6, 14, re.compile(r"\.\d{1,3}\.")),
        re.compile(rf"(?<![\w.])(?:{_BYTE}\.){{3}}{_BYTE}(?!\w|\.\d)"),
        _tells_a_machine,
    ),
    DataPattern(
        _ADDRESS,
        Anchor(40, 40, re.compile(r":[0-9A-Fa-f]{0,4}:")),
        re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]{0,39}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{4,39}(?![\w:])"),
        _tells_a_machine,
    ),
    DataPattern(
        _ADDRESS,
        Anchor(6, 14, re.compile(r"[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]")),
        re.compile(r"(?i)(?<![\w:-])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![\w:-])"),
    ),
    DataPattern(
        _ADDRESS,
        Anchor(255, 1, literals=tuple(f".{name}" for name in _PRIVATE_NETWORKS)),
        re.compile(
            r"(?i)(?<![\w.-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}"
            rf"(?:{'|'.join(map(re.escape, _PRIVATE_NETWORKS))})(?![\w-]|\.\w)"
        ),
    ),
)
