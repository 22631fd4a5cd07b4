"""What of a prompt tells its type of task and its complexity: words, pairs of words, and its shape, as numbers of buckets.

A sign is hashed into one of `BUCKETS` (the hashing trick: Weinberger et al., 2009), so that any language has signs and the table of
weights has a fixed size. Shape (length, lines, code, figures) is told by signs as well, and so needs no weights of its own.
"""

import re
from zlib import crc32

BUCKETS = 1 << 14
HEAD, TAIL = 1200, 800
"""Characters of a long prompt that are looked at: its beginning and its end, where people say what they want."""

_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_OPENING = 4
"""Words at the beginning that count once more as such: most people begin with what they want."""
_STEM = 5
"""Letters by which forms of one word are taken for the same."""
_CODE = re.compile(
    r"```|[;{}]\s*$|^\s*(?:def|class|import|from|return|func|fn|public|const|let|#include|SELECT)\b", re.MULTILINE
)
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_OPTION = re.compile(r"^\s*\(?[A-E][.):]\s", re.MULTILINE)
_PATH = re.compile(r"\b[\w-]+(?:/[\w.-]+)+|\b\w+\.(?:py|rs|go|js|ts|tsx|java|c|cpp|h|rb|yaml|json|toml|sql|sh)\b")
_GIVEN = re.compile(r":\s+|\n\n+")
_QUOTED = re.compile(r"[\"“„«][^\"”“»]{3,}[\"”“»]|(?<!\w)'[^']{8,}'")
_MATHS = re.compile(r"[=+^√∑∫≤≥≠→∀∃]|\\(?:frac|sum|int)|\b\w\(\w\)")


def looked_at(said: str) -> str:
    """Return what of a text is looked at: all of a short one, the ends of a long one."""
    return said if len(said) <= HEAD + TAIL else f"{said[:HEAD]} {said[-TAIL:]}"


def signs(said: str) -> list[int]:
    """Return the buckets of all signs in what the user *said*, each once, in order."""
    text = looked_at(said)
    words = ["0" * min(4, len(word)) if word.isdigit() else word for word in _WORD.findall(text.lower())]
    found = {f"={word}" for word in words}
    found.update(f"~{word[:_STEM]}" for word in words if len(word) > _STEM)
    found.update(map("{} {}".format, words, words[1:]))
    found.update(f"^{word[:_STEM]}" for word in words[:_OPENING])
    found.update(_shape(said, text, len(words)))
    return sorted({crc32(sign.encode("utf-8", "replace")) % BUCKETS for sign in found})


def _shape(said: str, text: str, words: int) -> list[str]:
    """Return the signs of the shape of a prompt, of which *text* is what is looked at: counts by their number of binary digits."""
    lines = text.count("\n") + 1
    counts = {
        "length": len(said) // 16,
        "lines": lines,
        "code": len(_CODE.findall(text)),
        "list": len(_LIST.findall(text)),
        "options": len(_OPTION.findall(text)),
        "paths": len(_PATH.findall(text)),
        "maths": len(_MATHS.findall(text)),
        "questions": text.count("?"),
        "sentences": text.count(". ") + text.count(".\n") + 1,
        "clauses": text.count(",") + text.count(";"),
        "figures": sum(map(str.isdigit, text)),
        "density": words // lines,
        "given": len(_GIVEN.split(text, maxsplit=1)[-1]) // 16 if _GIVEN.search(text) else 0,
        "quoted": len(_QUOTED.findall(text)),
    }
    # One sign for each step up to the count, so that weights of long prompts build on those of shorter ones.
    return [f"{name}>{step}" for name, count in counts.items() for step in range(count.bit_length())]
