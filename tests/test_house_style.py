"""House style, held by tests: sizes of modules and functions, mirrored tests, names and docstrings."""

import ast
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "hostd").rglob("*.py"))
FORBIDDEN = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
LONGEST_MODULE, MEDIAN_MODULE = 350, 130
LONGEST_FUNCTION, MEDIAN_FUNCTION = 60, 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def ours() -> frozenset[str]:
    """Return the names of all modules of ours."""
    return frozenset(map(named, MODULES))


@cache
def parsed(path: Path) -> ast.Module:
    """Return a module's syntax."""
    return ast.parse(path.read_text("utf-8"))


def functions(tree: ast.Module) -> Iterator[Function]:
    """Yield every function of a module, methods and inner ones included."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Return how many lines a function has, its signature and docstring included."""
    return (function.end_lineno or 0) - function.lineno + 1


def acts(tree: ast.Module) -> bool:
    """Return whether a module does anything: one that only declares nouns and options has nothing to test."""
    bodies = (f.body[1:] if ast.get_docstring(f) else f.body for f in functions(tree))
    return any(bodies)


def test_no_module_is_too_long() -> None:
    """350 lines are the most; half of the modules have 130 at most."""
    lengths = {named(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {} == {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE}
    median = statistics.median(lengths.values())
    assert median <= MEDIAN_MODULE, f"the median of {len(lengths)} modules is {median} lines"


def test_no_function_is_too_long() -> None:
    """60 lines are the most; half of the functions have 8 at most."""
    found = [(f"{named(path)}.{f.name}", length(f)) for path in MODULES for f in functions(parsed(path))]
    assert [] == [(name, lines) for name, lines in found if lines > LONGEST_FUNCTION]
    median = statistics.median(lines for _, lines in found)
    assert median <= MEDIAN_FUNCTION, f"the median of {len(found)} functions is {median} lines"


def imports(path: Path) -> set[str]:
    """Return the modules of ours that a module needs before it can be used; what a function imports comes later."""
    modules, found = ours(), set[str]()
    for node in parsed(path).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else node.module for name in names}
    return (found & modules) - {named(path)}


def test_no_imports_go_in_circles() -> None:
    """Peeled layer by layer from below, nothing is left over."""
    left = {named(path): imports(path) for path in MODULES}
    while free := {name for name, needs in left.items() if not needs & left.keys()}:
        left = {name: needs for name, needs in left.items() if name not in free}
    assert {} == left


@pytest.mark.parametrize("path", [path for path in MODULES if not path.stem.startswith("__")], ids=named)
def test_every_module_has_its_tests(path: Path) -> None:
    """tests/ROOM/test_MODULE.py mirrors hostd/ROOM/MODULE.py."""
    mirror = ROOT / "tests" / path.relative_to(ROOT / "hostd").with_name(f"test_{path.name}")
    assert mirror.exists() or not acts(parsed(path)), f"{mirror.relative_to(ROOT)} is missing"


def test_no_module_is_named_after_nothing() -> None:
    """A name says what a module is about."""
    assert [] == [named(path) for path in MODULES if FORBIDDEN & set(named(path).split("."))]


def test_every_module_says_why_it_exists() -> None:
    """Its docstring is the first thing in it."""
    assert [] == [named(path) for path in MODULES if not ast.get_docstring(parsed(path))]


def test_no_two_public_classes_share_a_name() -> None:
    """One noun has one meaning, in whichever room it stands."""
    found: dict[str, list[str]] = {}
    for path in MODULES:
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(named(path))
    assert {} == {name: modules for name, modules in found.items() if len(modules) > 1}
