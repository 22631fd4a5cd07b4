"""hostd with a sampler that sleeps: profiled.py FILE ARGUMENTS-OF-HOSTD. SIGUSR1 wakes it, SIGUSR2 ends it and writes FILE.

A timer that runs on the CPU time of the process looks at the event loop's stack each millisecond of it, or as often as the
system can. Neither waiting nor the other programs of a busy machine look like work that way, and small functions cost what
they cost, which they do not where each call is counted. What C code takes is charged to the Python function that called it.
FILE has one line for each stack, outermost function first, and how often it was seen: what flame graphs are drawn of.
"""

import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

from hostd.__main__ import main

INTERVAL = 0.001
Stack = tuple[CodeType, ...]


class Sampler:
    """Counts the stacks that it sees; by signals, it begins and ends, and writes *file* whole."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: Counter[Stack] = Counter()
        signal.signal(signal.SIGUSR1, self._begin)
        signal.signal(signal.SIGUSR2, self._end)
        signal.signal(signal.SIGPROF, self._look)

    def _begin(self, _signal: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            stack.append(frame.f_code)
            frame = frame.f_back
        self._seen[tuple(stack)] += 1

    def _end(self, _signal: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        lines = [f"{';'.join(map(_name, reversed(stack)))} {count}" for stack, count in self._seen.items()]
        part = self._file.with_name(f"{self._file.name}.part")
        part.write_text("\n".join(lines) + "\n")
        part.replace(self._file)


def _name(code: CodeType) -> str:
    return f"{code.co_filename}:{code.co_firstlineno} {code.co_name}"


if __name__ == "__main__":
    sampler = Sampler(Path(sys.argv[1]))
    sys.argv = ["hostd", *sys.argv[2:]]
    main()
