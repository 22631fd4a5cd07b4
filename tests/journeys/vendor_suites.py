"""Tests and examples that the vendors of clients ship in their source archives, run against a daemon.

`python -m tests.journeys.vendor_suites` fetches the archives that are missing, each in the version that is installed.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.journeys.host import profile

CACHE = Path(__file__).parents[2] / ".cache"
_PLUGINS = Path(__file__).parent
"""Where plugins of pytest are found; an archive has a package called tests, too."""
_QUIET = ("-q", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "filterwarnings=", "-o", "asyncio_mode=auto")
_CALLED = {"openai": "openai-python", "anthropic": "anthropic-sdk-python", "ollama": "ollama-python"}
_LONGEST = 300
"""Characters of why."""
_RESPONSES = "tests/api_resources/test_responses.py"


@dataclass(frozen=True)
class Outcome:
    """How many tests passed, failed and were skipped, and the first words of why."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    why: str = ""

    def __add__(self, other: "Outcome") -> "Outcome":
        counts = (self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)
        return Outcome(*counts, self.why or other.why)


@dataclass(frozen=True)
class Suite:
    """What is run of the archive of *package*: files of tests with arguments of pytest, or, by name, examples."""

    name: str
    package: str
    tests: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    base: str = ""
    """What stands behind the daemon's URL."""
    without: str = ""
    """What is left out, and why."""

    @property
    def client(self) -> str:
        """What the client is called."""
        return _CALLED.get(self.package, self.package)

    @property
    def version(self) -> str:
        """The version of the client, and of its archive."""
        return version(self.package)

    @property
    def folder(self) -> Path:
        """Where the archive is unpacked."""
        return CACHE / f"{self.package}-{self.version}"

    @property
    def missing(self) -> str | None:
        """What to do where the archive is not there."""
        there = (self.folder / "tests").is_dir()
        return (
            None
            if there
            else f"the source archive of {self.package} {self.version} is not in .cache; scripts/test fetches it"
        )

    def run(self, url: str) -> Outcome:
        """Run it against the daemon at *url*."""
        if self.examples:
            return sum((self.run_example(url, name) for name in self.examples), Outcome())
        plugins = os.pathsep.join((str(_PLUGINS), os.environ.get("PYTHONPATH", "")))
        environment = {"TEST_API_BASE_URL": url + self.base, "PYTHONPATH": plugins}
        return run_pytest(sys.executable, self.tests, self.folder, environment)

    def run_example(self, url: str, name: str) -> Outcome:
        """Run the example called *name*, which passes if it comes to its end."""
        argv = [sys.executable, str(self.folder / "examples" / f"{name}.py")]
        environment = os.environ | {"OLLAMA_HOST": url}
        ran = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
        lines = ran.stderr.strip().splitlines() or ["?"]
        return Outcome(failed=1, why=f"{name}: {lines[-1]}") if ran.returncode else Outcome(passed=1)


_OPENAI = Suite("", "openai", base="/v1")
_ANTHROPIC_PLUGIN = ("--noconftest", "-p", "anthropic_suite")

SUITES = (
    replace(
        _OPENAI,
        name="chat completions",
        tests=("tests/api_resources/chat/test_completions.py", "-k", "create and not stored"),
        without="stored completions: there is no store",
    ),
    replace(_OPENAI, name="completions", tests=("tests/api_resources/test_completions.py",)),
    replace(
        _OPENAI,
        name="embeddings",
        tests=("tests/api_resources/test_embeddings.py", "-k", "all_params or loose"),
        without="strict tests without a format: the client asks for base64, and then takes lists only",
    ),
    replace(
        _OPENAI,
        name="models",
        tests=("tests/api_resources/test_models.py", "-k", "not delete"),
        without="deleting a model, which only its owner may",
    ),
    replace(_OPENAI, name="responses", tests=(_RESPONSES, "-k", "create and not all_params")),
    replace(
        _OPENAI,
        name="responses, all members",
        tests=(_RESPONSES, "-k", "create and all_params", "-p", "without_store"),
        without="members that need a store of responses, which are refused",
    ),
    Suite("messages", "anthropic", (*_ANTHROPIC_PLUGIN, "tests/api_resources/test_messages.py")),
    Suite("messages, beta", "anthropic", (*_ANTHROPIC_PLUGIN, "tests/api_resources/beta/test_messages.py")),
    Suite("models", "anthropic", (*_ANTHROPIC_PLUGIN, "tests/api_resources/test_models.py")),
    Suite(
        "examples",
        "ollama",
        examples=(
            *("list", "ps", "show", "pull", "chat", "chat-stream", "chat-logprobs", "async-chat"),
            *("generate", "generate-stream", "generate-logprobs", "async-generate", "fill-in-middle"),
            *("embed", "structured-outputs", "async-structured-outputs", "tools", "async-tools", "multi-tool"),
            *("gpt-oss-tools", "gpt-oss-tools-stream", "thinking-levels"),
        ),
        without="those that make models, talk to a person, search the web, or print what a thinking model thinks",
    ),
)


def profiles() -> list[dict[str, Any]]:
    """Return a chat model and one that makes embeddings, under the names that the suites use."""
    vectors = {"args": {"threads": 1, "pooling": "mean"}, "capabilities": {"embeddings": True}}
    ollamas = ["gemma4", "llama3.1*", "gpt-oss*", "codellama*", "qwen*"]
    chat = profile(
        "chat", aliases=["gpt-*", "default", "claude-*", "model_id", "string", *ollamas], capabilities={"vision": False}
    )
    return [chat, profile("vectors", "tiny-story.gguf", aliases=["text-embedding-*", "llama3.2"], **vectors)]


def run_pytest(
    python: str | Path, chosen: Sequence[str], folder: Path, environment: Mapping[str, str], *more: str
) -> Outcome:
    """Run the *chosen* tests in *folder* with the pytest of *python*; of what failed, the first says why."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.xml"
        ran = subprocess.run(
            [str(python), "-m", "pytest", *_QUIET, *more, f"--junit-xml={report}", *chosen],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        found = _outcome(ET.parse(report).getroot()) if report.exists() else Outcome()
        if ran.returncode and not found.failed:
            return replace(found, failed=1, why=(ran.stdout + ran.stderr).strip()[-_LONGEST:])
        return found


def _outcome(report: ET.Element) -> Outcome:
    """Return what a *report* of JUnit's form says."""
    cases = list(report.iter("testcase"))
    broken = [(case, fault) for case in cases for fault in (*case.iter("failure"), *case.iter("error"))]
    skipped = sum(case.find("skipped") is not None for case in cases)
    why = "; ".join(
        f"{case.get('name')}: {(fault.get('message') or '').splitlines()[:1]}" for case, fault in broken[:3]
    )
    return Outcome(len(cases) - len(broken) - skipped, len(broken), skipped, why[:_LONGEST])


def fetch(package: str) -> None:
    """Get the source archive of *package* from its index and unpack it, if it is not there."""
    suite = Suite("", package)
    if suite.missing is None:
        return
    CACHE.mkdir(exist_ok=True)
    named = f"{package}=={suite.version}"
    argv = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        package,
        "--dest",
        str(CACHE),
    ]
    subprocess.run([*argv, named], check=False)
    with (
        suppress(OSError, tarfile.TarError),
        tarfile.open(suite.folder.with_name(f"{suite.folder.name}.tar.gz")) as archive,
    ):
        archive.extractall(CACHE, filter="data")


def main() -> None:
    """Fetch what is missing; where an archive cannot be had, its tests are skipped by name."""
    for package in dict.fromkeys(suite.package for suite in SUITES):
        fetch(package)


if __name__ == "__main__":
    main()
