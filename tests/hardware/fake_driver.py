"""NVIDIA's driver library, faked in C and called through the real path: loader, ctypes and `pynvml`, in a child process."""

import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("fake_nvml.c")
LIBRARY = "libnvidia-ml.so.1"


@dataclass(frozen=True)
class FakeDriver:
    """A folder with the built library; "" has none."""

    folder: str
    scratch: Path

    def run(self, script: str, *arguments: object) -> Any:
        """Run *script* in a process that loads this library; it gets *arguments* as ``given`` and leaves ``answer``."""
        before = "import pickle, sys\ngiven = pickle.load(sys.stdin.buffer)\n"
        whole = f"{before}{script}\nsys.stdout.buffer.write(pickle.dumps(answer))"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", whole],
            input=pickle.dumps(arguments),
            env=os.environ | {"LD_LIBRARY_PATH": self.folder, "FAKE_NVML": str(self.scratch), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            check=True,
            timeout=30,
        )
        return pickle.loads(done.stdout)


def build(folder: Path, *options: str) -> str:
    """Compile the library into *folder* and return that; skips where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("the fake driver library needs a C compiler (gcc) on Linux")
    target = [
        "-shared",
        "-fPIC",
        "-Wall",
        "-Werror",
        f"-Wl,-soname,{LIBRARY}",
        "-o",
        str(folder / LIBRARY),
        str(SOURCE),
    ]
    subprocess.run([compiler, *options, *target], check=True)
    return str(folder)
