"""What the program's own text must not hold: no daemon can be asked about it."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "hostd").rglob("*.py"))
UNPICKLES = {"daemon_start.py", "gateway/body_reader.py", "config/reading_child.py", "runtime/settings_reader.py"}
"""Modules that take what another process of hostd's own, which they have started or been started by, has sent over a pipe."""


@cache
def _nodes() -> list[tuple[str, ast.AST]]:
    return [
        (str(path.relative_to(ROOT / "hostd")), node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call | ast.Import | ast.ImportFrom)
    ]


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Return the module, the name and the node of every call."""
    return [(module, _dotted(node.func), node) for module, node in _nodes() if isinstance(node, ast.Call)]


def _dotted(node: ast.expr) -> str:
    """Return what *node* is called, as far as it consists of names."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{_dotted(node.value)}.{node.attr}"
        case _:
            return ""


def imported() -> dict[str, set[str]]:
    """Return which modules import what, by its first name."""
    found: dict[str, set[str]] = {}
    for module, node in _nodes():
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            found.setdefault(name.partition(".")[0], set()).add(module)
    return found


def test_no_shell_is_asked() -> None:
    """R20, CVE-2024-2029 (LocalAI): programs are started with a list of words, never with a line for a shell."""
    shells = {
        "os.system",
        "os.popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell",
    }
    assert [] == [(module, name) for module, name, _ in calls() if name in shells]
    given = [(module, key.arg) for module, _, node in calls() for key in node.keywords if key.arg == "shell"]
    assert [] == given


def test_nothing_is_evaluated_or_unpickled() -> None:
    """R18, R19: a pickle of a stranger's is a program.

    What is unpickled was pickled by hostd's own child or parent, over a pipe.
    """
    evaluated = {
        "eval",
        "exec",
        "compile",
        "__import__",
        "marshal.loads",
        "yaml.load",
        "yaml.unsafe_load",
        "torch.load",
        "shelve.open",
    }
    # `yaml.load` with hostd's own loader is the one way to have positions.
    found = {(module, name) for module, name, _ in calls() if name in evaluated}
    assert set() == found
    unpickled = {module for module, name, _ in calls() if name in {"pickle.load", "pickle.loads", "pickle.Unpickler"}}
    assert UNPICKLES == unpickled


def test_no_archive_is_unpacked() -> None:
    """R7, CVE-2024-45436 (Ollama, "zip slip"): a member of an archive was written outside of its folder. hostd opens none."""
    assert {} == {name: where for name, where in imported().items() if name in {"tarfile", "zipfile"}}
    assert [] == [(module, name) for module, name, _ in calls() if name.endswith("unpack_archive")]


def test_no_template_is_rendered() -> None:
    """R19, CVE-2024-34359 (llama-cpp-python) and CVE-2026-37004 (LiteLLM): templates of models and requests ran code.

    No part of hostd renders one, and the daemon has no library that could.
    """
    assert {} == {name: where for name, where in imported().items() if name in {"jinja2", "mako", "chevron"}}
    script = (
        "import hostd.daemon, hostd.assembly, sys; print(*[name for name in ('jinja2', 'mako') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "" == ran.stdout.strip()


def test_nothing_renews_the_program() -> None:
    """R26, CVE-2026-42248 (Ollama's updater took what was not signed).

    Packages are the package manager's; no module asks for one.
    """
    words = ("pypi.org", "files.pythonhosted", "api.github.com", "/releases/latest")
    assert [] == [(path.name, word) for path in MODULES for word in words if word in path.read_text("utf-8")]


@pytest.mark.parametrize("name", ["litellm", "requests", "httpx"])
def test_few_libraries_are_trusted(name: str) -> None:
    """R24, LiteLLM 1.82.7 (24 March 2026, a stolen release ran code at the start of every Python).

    What is installed is locked by hash (`tests/test_lock.py`), and these are not asked for.
    """
    asked = (ROOT / "pyproject.toml").read_text("utf-8").partition("[dependency-groups]")[0]
    assert f'"{name}' not in asked
