"""Prompts of known type and complexity: made of templates, the same ones in every run, or written by hand.

Complexity is by what a prompt asks of a model, whatever its length: 1 courtesies; 2 one fact or one word; 3 a sentence or two;
4 a paragraph, a small function, one step of arithmetic; 5 several paragraphs, a function with edge cases, two steps; 6 several
constraints at once, or an error in one file; 7 a design of one part, mathematics in many steps; 8 errors among several parts,
competition mathematics, a comparison of sources; 9 systems as a whole, proofs; 10 research, or a migration that must not fail.

``templates.txt`` has them by type and complexity, with gaps; ``fillings.txt`` what fills these, which may have gaps itself;
``by_hand.txt`` and ``unseen.txt`` have prompts that are never
learnt from. A fifth of templates and fillings is kept apart, to be tested on.
"""

import random
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hostd.domain.model_choice import HARDEST, TaskType

_HERE = Path(__file__).parent
_GAP = re.compile(r"\{(\w+)\}")
_PER_TEMPLATE, _PER_HELD_OUT = 18, 6
_KEPT_APART = 5
"""Every so many-th template and filling is for testing alone."""
_OPENINGS = (
    "",
    "",
    "",
    "",
    "Please ",
    "Can you ",
    "Hi, ",
    "Hey! ",
    "I need help: ",
    "Quick question. ",
    "Could you please ",
)
_HARDER = {
    "code": (
        "It must be thread-safe and handle a million entries.",
        "Do not use any library, and explain the complexity of each operation.",
        "Also write property tests and document the invariants.",
    ),
    "reasoning": (
        "Then prove that your answer is the only one.",
        "Generalise it to n and prove it by induction.",
        "Justify every step rigorously.",
    ),
    "writing": (
        "Every paragraph must begin with a different letter, and no word may be used as a metaphor.",
        "It must convince readers who hold the opposite view, and cite sources.",
    ),
    "knowledge": (
        "Weigh the evidence, name the main disagreements among experts, and say how certain each claim is.",
        "Derive the relevant equations and discuss their limits.",
    ),
    "text": (
        "Then check each claim against the others and list what contradicts what.",
        "Keep the length of each line and the metre.",
    ),
}
_EASIER = ("Answer in one sentence.", "Keep it short.", "Just the answer, no explanation.", "Briefly.")


class Labelled(NamedTuple):
    """A prompt, its type of task and its complexity; *template* is the number of the one that it was made of."""

    text: str
    task: TaskType
    level: int
    template: int = -1


def prompts(*, held_out: bool, seed: int = 11) -> list[Labelled]:
    """Return prompts to learn from, or those that are *held_out*: neither their templates nor what fills them is learnt from."""
    chance = random.Random(seed)
    found: dict[str, Labelled] = {}
    for template in _labelled("templates.txt"):
        if (template.template % _KEPT_APART == _KEPT_APART - 1) is held_out:
            for _ in range(_PER_HELD_OUT if held_out else _PER_TEMPLATE):
                made = _made(template, chance, held_out=held_out)
                found.setdefault(made.text, made)
    return list(found.values())


def by_hand() -> list[Labelled]:
    """Return prompts that were written one by one; templates were added where these went wrong."""
    return _labelled("by_hand.txt")


def unseen() -> list[Labelled]:
    """Return others, on which nothing was ever tried before the weights were final."""
    return _labelled("unseen.txt")


def _labelled(file: str) -> list[Labelled]:
    found: list[Labelled] = []
    for line in (_HERE / file).read_text("utf-8").splitlines():
        label, *texts = line.split(" | ")
        task, level = label.split()
        for text in texts:
            found.append(Labelled(text.replace("\\n", "\n"), TaskType(task), int(level), len(found)))
    return found


def _made(template: Labelled, chance: random.Random, *, held_out: bool) -> Labelled:
    """Return a prompt of *template*, some with an opening, a demand that makes it harder, or one that makes it easier."""

    def filled(gap: re.Match[str]) -> str:
        every = _fillings().get(gap[1])
        return gap[0] if every is None else chance.choice(_kept(every, held_out=held_out))

    text, level = _GAP.sub(filled, _GAP.sub(filled, template.text)), template.level
    opening = chance.choice(_OPENINGS)
    if opening and level > 1:
        text = opening + (text[:1].lower() + text[1:] if opening.startswith(("Please", "C")) else text)
    if level in range(4, HARDEST) and template.task in _HARDER and chance.random() < 0.2:
        text, level = f"{text.rstrip('.')}. {chance.choice(_HARDER[template.task])}", level + 1
    elif level in range(3, 8) and chance.random() < 0.1:
        text, level = f"{text.rstrip('.')}. {chance.choice(_EASIER)}", level - 1
    if chance.random() < 0.15:
        text = text.lower()
    if chance.random() < 0.15:
        text = text.rstrip(".?!")
    return template._replace(text=text, level=level)


@cache
def _fillings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (_HERE / "fillings.txt").read_text("utf-8").splitlines():
        gap, _, every = line.partition(" = ")
        found[gap] = [each.replace("\\n", "\n").replace("\\t", "\t") for each in every.split(" | ")]
    return found


def _kept(every: list[str], *, held_out: bool) -> list[str]:
    kept = [each for number, each in enumerate(every) if (number % _KEPT_APART == _KEPT_APART - 1) is held_out]
    return kept or every
