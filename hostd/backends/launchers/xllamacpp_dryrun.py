"""Ask the llama-server inside the ``xllamacpp`` wheel what a model would need, and load nothing.

It takes the command line of `xllamacpp_server`. The server begins each load with a rehearsal that allocates no weights and
prints what it found; told never to allocate (``no_alloc``), it stops at an assertion of its own right after that. Whoever
started this reads the log until then and ends the process.

Run as a script it imports nothing of hostd.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

VERBOSITY = 5
"""From here on the rehearsal's own lines are printed, too: the exact sizes of caches."""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Rehearse one load; the answer is the log.

    Raises:
        SystemExit: The flags or the model are bad; status 1, and a last line that says so.
    """
    # A script that is started with -P does not find its neighbours by itself.
    sys.path.append(str(Path(__file__).parent))
    server = importlib.import_module("xllamacpp_server")
    rehearsal = [("no_alloc", True), ("fit_params", True), ("warmup", False), ("verbosity", VERBOSITY)]
    try:
        found = [*server.settings(argv, environ), *rehearsal]
        wheel = importlib.import_module("xllamacpp")
        wheel.Server(server.common_params(wheel, found))
    except (server.BadFlag, ImportError, RuntimeError, ValueError, MemoryError) as error:
        raise SystemExit(f"exiting: there was no dry run, the lines above say why: {error}") from error


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
