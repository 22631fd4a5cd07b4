"""hostd with a profiler that sleeps: profiled.py FILE ARGUMENTS-OF-HOSTD. SIGUSR1 wakes it, SIGUSR2 ends it and writes FILE.

What start-up does is no part of the profile this way. Threads beside the event loop's are none either: cProfile sees its own.
"""

import cProfile
import signal
import sys
from pathlib import Path

from hostd.__main__ import main


def under(profiler: cProfile.Profile, file: str) -> None:
    """Have signals begin and end *profiler*; *file* appears whole."""

    def begin(_signal: int, _frame: object) -> None:
        profiler.enable()

    def end(_signal: int, _frame: object) -> None:
        profiler.disable()
        profiler.dump_stats(f"{file}.part")
        Path(f"{file}.part").replace(file)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)


if __name__ == "__main__":
    under(cProfile.Profile(), sys.argv[1])
    sys.argv = ["hostd", *sys.argv[2:]]
    main()
