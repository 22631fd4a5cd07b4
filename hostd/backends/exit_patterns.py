"""The exit class of an engine by its last log lines: a table of patterns per engine, read in one way."""

import re
from collections.abc import Sequence

from hostd.domain.reason import ExitClass

# After a failed assertion an engine has a debugger print its stack (ggml_print_backtrace): gdb and lldb complain about sources and
# symbols that are not there, and name functions, none of which says why the engine ended.
_DEBUGGER = re.compile(
    r"^\s*(#\d+ |frame #\d+|\[New LWP|\[Thread debugging|\[Inferior|Using host libthread_db|warning: |ptrace: |0x[0-9a-f]+ in )"
    r"|\.(c|cc|cpp|cu|h|hpp|S): No such file or directory|(gdb|lldb)\S*: (command )?not found|(gdb|lldb): No such file",
    re.IGNORECASE,
)


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
        own = [line for line in tail if not _DEBUGGER.search(line)]
        found_classes = (
            exit_class for exit_class, pattern in self.patterns if any(pattern.search(line) for line in own)
        )
        found = next(found_classes, ExitClass.UNKNOWN)
        if status == -9 and found is not ExitClass.OUT_OF_MEMORY:
            return ExitClass.UNKNOWN
        return found
