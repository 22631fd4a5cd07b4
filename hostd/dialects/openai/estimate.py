"""About how many tokens a prompt has, for the sums of an engine that makes none."""

import re

from hostd.dialects.request_document import RequestDocument
from hostd.domain.token_estimate import estimated_tokens

_READ = ("messages", "prompt", "tools", "functions")
"""Members that an engine reads."""
_DATA = re.compile(rb'"data:[^"]*"')


def estimated_prompt(document: RequestDocument) -> int:
    """Return an estimate for *document* by the bytes of what is read, pictures left out."""
    texts = (document.raw(name) or b"" for name in _READ)
    size = sum(len(_DATA.sub(b"", text)) for text in texts)
    return max(1, estimated_tokens(size))
