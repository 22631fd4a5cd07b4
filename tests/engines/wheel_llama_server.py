"""The llama-server inside the ``xllamacpp`` wheel, as Ollama runs one: for an Ollama where no other llama-server was built.

Ollama asks for its devices, of which the wheel has none but the CPU, and passes flags about the log's looks that the wheel has not.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from hostd.backends.launchers.xllamacpp_server import main

LOOKS = frozenset({"--no-log-prefix", "--no-log-timestamps", "--verbose"})

if __name__ == "__main__":
    if "--list-devices" in sys.argv:
        print("Available devices:")  # noqa: T201 - what it is asked for
    else:
        main([word for word in sys.argv[1:] if word not in LOOKS], os.environ)
