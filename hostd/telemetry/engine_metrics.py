"""The engines' own metrics as one page: each sample with a ``model`` label, each family once, all of it bounded.

Prometheus wants the samples of a family together, with one type and one help text, while each engine shows families of its own;
and what an engine shows must never make the page unreadable. So its lines are read, and written anew. The format:
https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_SAMPLES = 2000
"""Samples of one engine that are shown; vLLM has some 500."""
_LONGEST_LINE = 2000
_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*:[a-zA-Z0-9_:]+"
"""Engines put their own name in front: ``llamacpp:``, ``vllm:``. What has none is of Python, the process or a web framework."""
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{((?:{_LABEL}(?:,|(?=\}})))*)\}})? +(\S+)(?: +-?\d+)?")
_ABOUT = re.compile(rf"# (TYPE|HELP) ({_NAME}) ?(.*)")
_TYPES = frozenset({"counter", "gauge", "histogram", "summary", "untyped"})
_IS_MEANT = re.compile(_NAME)
"""How a sample begins that is to be shown."""
_OWN_MODEL = re.compile(r'(^|,)model="')


@dataclass(slots=True)
class _Family:
    type: str = "untyped"
    help: str = ""
    samples: dict[str, str] = field(default_factory=dict)
    """Values by name and labels."""


def joined(pages: Mapping[str, str]) -> tuple[str, dict[str, int]]:
    """Return the *pages*, by model, as one; and how many samples of each were left out: too many, or none that can be read."""
    families: dict[str, _Family] = {}
    left_out: dict[str, int] = {}
    for model, page in pages.items():
        found, left_out[model] = _read(model, page)
        for name, family in found.items():
            # The first engine says what a family is; one that says otherwise counts something else.
            first = families.setdefault(name, family)
            if first.type != family.type:
                left_out[model] += len(family.samples)
            elif first is not family:
                first.samples |= family.samples
    return "".join(_written(name, family) for name, family in families.items() if family.samples), left_out


def label_of(model: str) -> str:
    """Return the label that names *model*."""
    return 'model="' + model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _read(model: str, page: str) -> tuple[dict[str, _Family], int]:
    """Return the families of a *page* by name, and how many samples are not among them."""
    families: dict[str, _Family] = {}
    label = label_of(model)
    shown = left_out = 0
    for line in page.split("\n"):
        if line.startswith("#"):
            _note(families, line[:_LONGEST_LINE])
            continue
        sample = _SAMPLE.fullmatch(line.rstrip()) if len(line) <= _LONGEST_LINE else None
        # When a counter was made is a sample for each of them, and tells nothing of the engine.
        if sample is None or sample[1].endswith("_created"):
            left_out += sample is None and _IS_MEANT.match(line) is not None
            continue
        name, labels, value = sample[1], (sample[2] or "").rstrip(","), sample[3]
        if shown >= MOST_SAMPLES or not _is_number(value):
            left_out += 1
            continue
        others = _OWN_MODEL.sub(r'\1exported_model="', labels)
        family = families.setdefault(_family_of(name, families), _Family())
        family.samples[f"{name}{{{label}{',' if others else ''}{others}}}"] = value
        shown += 1
    return families, left_out


def _note(families: dict[str, _Family], line: str) -> None:
    """Take in what a comment says about a family."""
    if (about := _ABOUT.fullmatch(line)) is None:
        return
    what, name, text = about.groups()
    if what == "HELP":
        families.setdefault(name, _Family()).help = text
    elif text in _TYPES:
        families.setdefault(name, _Family()).type = text


def _family_of(name: str, families: Mapping[str, _Family]) -> str:
    """Return the name of the family to which a sample called *name* belongs."""
    for suffix in ("_bucket", "_sum", "_count"):
        whole = name.removesuffix(suffix)
        if whole != name and whole in families and families[whole].type in {"histogram", "summary"}:
            return whole
    return name


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _written(name: str, family: _Family) -> str:
    about = f"# HELP {name} {family.help}\n" if family.help else ""
    samples = "".join(f"{sample} {value}\n" for sample, value in family.samples.items())
    return f"{about}# TYPE {name} {family.type}\n{samples}"
