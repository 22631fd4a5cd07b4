"""Characters that a terminal acts upon instead of showing them; what models, servers and files say may hold any of them."""

import re

# C0 but the tab and the newline, DEL, C1, line separators, and the marks that reverse text (bidirectional overrides and isolates).
_ACTED_UPON = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
CONTROL = re.compile(f"[{_ACTED_UPON}\n]")
_STREAMED = re.compile(f"[{_ACTED_UPON}]")


def escaped(text: str, *, lines: bool = False) -> str:
    r"""Return *text* with control characters written as in JSON (``\u001b``); tabs stay, and newlines with *lines*."""
    return (_STREAMED if lines else CONTROL).sub(lambda found: f"\\u{ord(found[0]):04x}", text)
