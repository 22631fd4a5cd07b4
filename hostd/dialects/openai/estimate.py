"""About how many tokens a prompt has, for the sums of an engine that makes none."""

import re

from hostd.dialects.request_document import RequestDocument

_READ = ("messages", "prompt", "tools", "functions")
"""Members that an engine reads."""
_BYTES_PER_TOKEN = 4
_DATA = re.compile(rb'"data:[^"]*"')


def estimated_prompt(document: RequestDocument) -> int:
    """Return an estimate for *document*: one token for four bytes of what is read, pictures left out."""
    texts = (document.raw(name) or b"" for name in _READ)
    size = sum(len(_DATA.sub(b"", text)) for text in texts)
    return max(1, size // _BYTES_PER_TOKEN)
