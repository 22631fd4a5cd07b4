"""What llama-server's log quotes of requests: a grammar that it cannot parse, whole, and what in a body it cannot read."""

import re

_QUOTING = re.compile(r"error parsing grammar|got exception|JSON schema conversion (?:was incomplete|failed)")
_LEFT_OUT = ": (what follows is of the request, and left out)"
_OWN = re.compile(
    r"\d+\.\d+\.\d+\.\d+ [A-Z] "
    r"|(?!.*::=)(?:[A-Z] )?(?:srv|slot|que|res|main|cmn|llama|ggml|common|load|init|print|sched|set|system)\w* *[^:]*:"
)
"""How llama-server begins a line of its own: with the time, or, in builds that print none, with a part of the program."""
_LONGEST = 200
"""Lines of one quotation; a filter that has missed its end must not hide all that comes after it."""


class QuotationFilter:
    """Passes the lines of one process, in order, without what they quote."""

    def __init__(self) -> None:
        self._quoted = 0

    def __repr__(self) -> str:
        return f"<QuotationFilter {self._quoted} more>"

    def __call__(self, line: str) -> str:
        """Return what of *line* may be kept."""
        if found := _QUOTING.search(line):
            # Only a grammar is printed over several lines.
            self._quoted = _LONGEST if "grammar" in found[0] else 0
            return line[: found.end()] + _LEFT_OUT
        if self._quoted and not _OWN.match(line):
            self._quoted -= 1
            return ""
        self._quoted = 0
        return line
