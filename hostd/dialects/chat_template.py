"""What a model's chat template does with variables about thinking, found out by rendering one short prompt with several values.

Models differ in the name (Qwen3 ``enable_thinking``, DeepSeek V3.1 ``thinking``, MiniMax M3 ``thinking_mode``, gpt-oss
``reasoning_effort``), in the words that they take, and in whether anything comes of them.
"""

import re
from collections.abc import Iterator, Mapping

from hostd.domain.thinking import LEVELS, NO_EFFORT, USUAL_LEVELS, TemplateValue, ThinkingControl, Variables, nearest

QUESTION = [{"role": "user", "content": "1"}]
"""The messages of the prompt that is rendered."""

Rendering = str | tuple[int, ...] | None
"""A prompt as text or tokens; None where the template refuses its variables."""

_SWITCHES: tuple[tuple[str, TemplateValue, TemplateValue], ...] = (
    ("enable_thinking", True, False),
    ("thinking", True, False),
    ("reasoning", True, False),
    ("thinking_mode", "enabled", "disabled"),
    ("thinking_mode", "thinking", "chat"),
    ("thinking_budget", -1, 0),
)
"""Variables with the value that has a model think, and the one that keeps it from that."""
_EFFORTS = ("reasoning_effort", "reasoning_strength", "thinking_effort")
_NOT_AT_ALL = (NO_EFFORT, "no_think")
"""Words for no effort."""
_UNKNOWN = "unheard-of"
"""A level that no template knows."""
NAMES = frozenset({*_EFFORTS, *(name for name, _, _ in _SWITCHES)})
"""Variables that are about thinking."""

# What is not closed goes to the end: a hostile template is read once, and not again from each of its brackets and quotes.
_CODE = re.compile(r"\{[{%](.*?)(?:[%}]\}|\Z)", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)", re.DOTALL)
_NAME = re.compile(rf"(?<![\w.])(?:{'|'.join(sorted(NAMES))})\b")
_MARK = re.compile(r"think(?:ing)?(?::\w+)?[\]>|]|\[/?THINK\]|THINKING\|>|channel\|?>", re.IGNORECASE)
_END = 100
"""Characters at the end of a prompt that show whether it begins a thought."""
_OPEN = re.compile(r"(?:<[\w:|]*think(?:ing)?(?::start)?\|?>|\[THINK\]|<\|START_THINKING\|>)\s*$", re.IGNORECASE)


class TemplateExperiment:
    """One template, of which prompts are rendered: each of `questions` is answered by `note`, until there are no more.

    *template* is its text; None where only its prompts can be seen, which takes some forty of them.
    """

    def __init__(self, template: str | None, always: frozenset[str] = frozenset()) -> None:
        """Ask for the variables that the text of *template* names, and for *always*, which the server itself may act upon."""
        self._template = template
        self._names = NAMES if template is None else names_in(template) | always
        self._prompts: dict[frozenset[tuple[str, str]], Rendering] = {}

    def questions(self) -> Iterator[Variables]:
        """Yield the variables with each of which the prompt is to be rendered."""
        yield {}
        if self._rendered({}) is None:
            return
        for name, *values in _SWITCHES:
            if name in self._names:
                yield from ({name: value} for value in values)
        on = self._on()
        for name in _EFFORTS:
            if name in self._names:
                yield from ({**on, name: word} for word in (*LEVELS, *_NOT_AT_ALL, _UNKNOWN))

    def note(self, variables: Variables, prompt: Rendering) -> None:
        """Note that *variables* give *prompt*."""
        self._prompts[_key(variables)] = prompt

    def control(self) -> ThinkingControl | None:
        """Return what the prompts show; None where none was rendered."""
        plain = self._rendered({})
        if plain is None:
            return None
        marks = self._template is not None and _MARK.search(self._template) is not None
        on, off = self._on(), self._off()
        efforts = self._efforts(on)
        if off is not None:
            by_default = {self._rendered(on): True, self._rendered(off): False}.get(plain)
            return ThinkingControl(on, off, efforts, by_default, marks)
        if efforts:
            off = self._no_effort()
            by_default = off is None or self._rendered(off) != plain
            usual = nearest("medium", efforts)
            return ThinkingControl(
                {} if by_default or usual is None else efforts[usual], off, efforts, by_default, marks
            )
        if isinstance(plain, str) and _OPEN.search(plain[-_END:]):
            return ThinkingControl({}, None, {}, True, marks)
        # A template may know the marks only to take them out of earlier turns: whether its model thinks, it does not say.
        unsure = marks or self._template is None
        return ThinkingControl({}, None, {}, None, marks) if unsure else ThinkingControl(by_default=False)

    def _rendered(self, variables: Variables) -> Rendering:
        return self._prompts.get(_key(variables))

    def _switch(self) -> tuple[str, TemplateValue, TemplateValue] | None:
        """Return the first switch that makes a difference."""
        for name, on, off in _SWITCHES:
            one, other = self._rendered({name: on}), self._rendered({name: off})
            if one is not None and other is not None and one != other:
                return name, on, off
        return None

    def _on(self) -> Variables:
        switch = self._switch()
        return {switch[0]: switch[1]} if switch else {}

    def _off(self) -> Variables | None:
        switch = self._switch()
        return {switch[0]: switch[2]} if switch else None

    def _efforts(self, on: Variables) -> dict[str, Variables]:
        """Return the variables for each level that the template takes of a model that thinks."""
        for name in _EFFORTS:
            taken = {level: said for level in LEVELS if (said := self._rendered({**on, name: level})) is not None}
            unknown = self._rendered({**on, name: _UNKNOWN})
            if unknown is not None and unknown not in {self._rendered(on), *taken.values()}:
                # It writes down whatever it is given; what its model was taught are the usual levels.
                taken = {level: said for level, said in taken.items() if level in USUAL_LEVELS}
            if any(said != self._rendered(on) for said in taken.values()):
                return {level: {name: level} for level in taken}
        return {}

    def _no_effort(self) -> Variables | None:
        """Return the variables for no effort at all, where the template knows a word for it."""
        for name in _EFFORTS:
            unknown, plain = self._rendered({name: _UNKNOWN}), self._rendered({})
            levels = [self._rendered({name: level}) for level in LEVELS]
            if unknown is not None and unknown not in (plain, *levels):
                continue
            for word in _NOT_AT_ALL:
                said = self._rendered({name: word})
                if said is not None and said != unknown and said not in levels:
                    return {name: word}
        return None


def names_in(template: str) -> frozenset[str]:
    """Return the variables about thinking that the text of a *template* reads."""
    code = " ".join(_LITERAL.sub("''", found[1]) for found in _CODE.finditer(template))
    return frozenset(_NAME.findall(code))


def _key(variables: Mapping[str, TemplateValue]) -> frozenset[tuple[str, str]]:
    return frozenset((name, repr(value)) for name, value in variables.items())
