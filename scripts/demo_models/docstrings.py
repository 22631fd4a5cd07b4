"""Questions and answers from the docstrings of the Python that runs this (PSF licence)."""

import ast
import importlib
import inspect
import random
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

Pair = tuple[str, str]

COMPILED = (
    *("builtins", "math", "itertools", "operator", "time", "os", "collections", "functools", "datetime"),
    *("array", "socket", "select", "struct", "zlib", "re"),
)
# So many that a tiny model can learn them by heart, and those that somebody may ask for.
WRITTEN = {
    *("abc", "argparse", "ast", "asyncio", "base64", "bisect", "calendar", "collections", "concurrent", "contextlib"),
    *("copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum", "fnmatch", "fractions", "functools"),
    *("getpass", "glob", "gzip", "hashlib", "heapq", "hmac", "html", "http", "inspect", "io", "json", "logging", "os"),
    *("pathlib", "pickle", "platform", "posixpath", "pprint", "queue", "random", "re", "secrets", "shlex", "shutil"),
    *("signal", "socket", "statistics", "string", "subprocess", "tempfile", "textwrap", "threading", "timeit"),
    *("tomllib", "typing", "urllib", "uuid", "zipfile"),
}
QUESTIONS = {
    "module": ("What is the {} module?", "Tell me about the {} module.", "What is {} for?"),
    "class": ("What is {}?", "Explain the class {}.", "Tell me about {}."),
    "function": ("What does {} do?", "Explain {}.", "How does {} work?", "Tell me about {}."),
}


def docstring_pairs(rng: random.Random) -> Iterator[Pair]:
    """Yield two questions and the first paragraphs of the answer for each documented thing in the standard library."""
    seen = set()
    for kind, name, doc in (*_compiled(), *_written()):
        answer = first_paragraphs(doc or "")
        private = any(part.startswith("_") for part in name.split("."))
        if len(answer) >= 20 and not private and answer not in seen:
            seen.add(answer)
            for question in rng.sample(QUESTIONS[kind], 2):
                yield question.format(name), answer


def first_paragraphs(doc: str, limit: int = 240) -> str:
    """Return the prose at the start of *doc* on one line, printable ASCII, at most *limit* characters."""
    paragraphs = [re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", inspect.cleandoc(doc))]
    kept: list[str] = []
    for paragraph in paragraphs:
        if not paragraph or paragraph.startswith((">>>", "@", ":", "--", "==")):
            break
        if sum(map(len, kept)) + len(paragraph) > limit:
            break
        kept.append(paragraph)
    text = " ".join(kept) or paragraphs[0][:limit]
    return "".join(letter for letter in text if " " <= letter <= "~")


def _compiled() -> Iterator[tuple[str, str, str | None]]:
    for module in map(importlib.import_module, COMPILED):
        for name, thing in _public(module):
            yield "function", f"{module.__name__}.{name}", inspect.getdoc(thing)
            if inspect.isclass(thing):
                for method, code in _public(thing):
                    yield "function", f"{name}.{method}", inspect.getdoc(code)


def _public(owner: object) -> Iterator[tuple[str, object]]:
    return ((name, getattr(owner, name)) for name in dir(owner) if not name.startswith("_"))


def _written() -> Iterator[tuple[str, str, str | None]]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if module.split(".")[0] not in WRITTEN:
            continue
        module = module.replace("posixpath", "os.path")
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        yield "module", module, ast.get_docstring(tree)
        # What asyncio's parts define is known by the package's name.
        yield from _definitions(tree, "asyncio" if module.startswith("asyncio.") else module)


def _definitions(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, str, str | None]]:
    for node in parent.body:
        if isinstance(node, ast.ClassDef):
            yield "class", f"{prefix}.{node.name}", ast.get_docstring(node)
            yield from _definitions(node, f"{prefix}.{node.name}")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield "function", f"{prefix}.{node.name}", ast.get_docstring(node)
