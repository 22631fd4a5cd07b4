"""The exit class of an engine by its exit status and its last log lines: a table of patterns per engine, read in one way.

Only what the engine says of its own end counts. After a failed assertion a debugger prints a stack and misses sources; engines warn
of what they go on without, and quote requests: none of that says why one ended.
"""

import re
from collections.abc import Sequence

from hostd.domain.reason import ExitClass

# ggml_print_backtrace has gdb or lldb print the stack, whose lines name functions, sources and symbols that are not there.
_DEBUGGER = re.compile(
    r"^\s*(#\d+ |\* thread #|frame #\d+|\[New LWP|\[Thread debugging|\[Current thread|\[Inferior|Using host libthread_db"
    r"|warning: |ptrace: |0x[0-9a-f]+ in |\d+\tin |\((gdb|lldb)\)|Process \d+ (stopped|detached)|Download failed: )"
    r"|\.(c|cc|cpp|cu|h|hpp|S|s): No such file or directory|(gdb|lldb)\S*: (command )?not found|(gdb|lldb): No such file",
    re.IGNORECASE,
)
# Warnings that are followed by another way to do the same, advice, and requests as they were received.
_SURVIVED = re.compile(
    r"of pinned memory|failed to mlock|load_backend: failed|if you are running out of memory|received request|generated response",
    re.IGNORECASE,
)
_ASSERTED = re.compile(r"GGML_ASSERT|GGML_ABORT|\bassert(ion)?\b.*\bfailed", re.IGNORECASE)
# An engine says that a file or a flag is wrong, and ends in good order; what it said of them before its assertion was survived.
_CAN_ASSERT = frozenset({ExitClass.OUT_OF_MEMORY, ExitClass.DRIVER})
_KILLED = frozenset({-9, 128 + 9})
_NOT_STARTED = frozenset({126, 127})
"""What a shell and the dynamic loader end with where a program or a library is not there, or may not be run."""


class ExitPatterns:
    """One engine's table; the order of its rows matters, the first that matches any line wins."""

    def __init__(self, *rows: tuple[ExitClass, str]) -> None:
        self.patterns = tuple((exit_class, re.compile(pattern, re.IGNORECASE)) for exit_class, pattern in rows)

    def classify(self, status: int, tail: Sequence[str]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean.

        SIGKILL alone says nothing: the kernel sends it for want of memory, and so may the owner.
        """
        # A clean exit has no fault, whatever was logged before.
        if status == 0:
            return ExitClass.UNKNOWN
        own = [line for line in tail if not _DEBUGGER.search(line) and not _SURVIVED.search(line)]
        possible = _possible(status, own)
        found_classes = (
            exit_class
            for exit_class, pattern in self.patterns
            if exit_class in possible and any(pattern.search(line) for line in own)
        )
        otherwise = ExitClass.MISSING_FILE if status in _NOT_STARTED else ExitClass.UNKNOWN
        return next(found_classes, otherwise)


def _possible(status: int, own: Sequence[str]) -> frozenset[ExitClass]:
    if status in _KILLED:
        return frozenset({ExitClass.OUT_OF_MEMORY})
    return _CAN_ASSERT if any(_ASSERTED.search(line) for line in own) else frozenset(ExitClass)
