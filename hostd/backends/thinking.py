"""How a wish about thinking is said to a server: in variables of its template where it renders one, else in the usual members."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hostd.backends.http.client import HttpClient
from hostd.dialects.chat_template import NAMES, QUESTION, Rendering, TemplateExperiment
from hostd.dialects.openai.request_fields import TEMPLATE
from hostd.dialects.openai.thinking import EFFORT, WORDS
from hostd.dialects.request_document import RequestDocument
from hostd.domain.thinking import USUAL_LEVELS, ThinkingControl, ThinkingWish, Variables, nearest

RENDERING = 2.0
"""Seconds that a server has for one prompt."""
_PATIENCE = 1.0
"""Seconds that all renderings may take, which are a millisecond each as a rule."""


@dataclass(frozen=True, slots=True)
class ThinkingWords:
    """What a request says of thinking to one server.

    *members* take the place of those of the same names, *without* are members that are left out. *note* says what was asked of the
    model where that is not what was wished: a level of effort, ``on`` or ``off``.
    """

    members: Mapping[str, Any] = field(default_factory=dict)
    without: Collection[str] = ()
    note: str = ""

    def in_place(self, document: RequestDocument) -> RequestDocument:
        """Return *document* with these words: itself, where it has them already."""
        without = [name for name in self.without if name in document and name not in self.members]
        changed = {
            name: value for name, value in self.members.items() if name not in document or document[name] != value
        }
        return document.replace(changed, without) if changed or without else document


async def control_of(
    render: Callable[[Variables], Awaitable[Rendering]], template: str | None, always: frozenset[str] = frozenset()
) -> ThinkingControl | None:
    """Return what a model's template does with variables about thinking; None where it cannot be found out.

    *render* returns the prompt for `hostd.dialects.chat_template.QUESTION` with some variables, and no token is generated.
    *template* is the text, where it is known, and *always* are variables that the server itself acts upon.
    """
    experiment = TemplateExperiment(template, always)
    # What else a server tells of itself is not to be lost by this.
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            for variables in experiment.questions():
                experiment.note(variables, await render(variables))
            return experiment.control()
    return None


def renderer(http: HttpClient, url: str, headers: Mapping[str, str]) -> Callable[[Variables], Awaitable[Rendering]]:
    """Return what has a prompt rendered at *url*, in the way of llama-server and of hostd's launcher for MLX."""

    async def render(variables: Variables) -> Rendering:
        asked = {"messages": QUESTION, TEMPLATE: variables}
        found = await http.document(url, headers, asked, seconds=RENDERING)
        prompt = found.get("prompt") if isinstance(found, dict) else None
        return prompt if isinstance(prompt, str) else None

    return render


def by_template(wish: ThinkingWish, body: Mapping[str, Any], control: ThinkingControl) -> ThinkingWords:
    """Return *wish* for a server that hands variables to a template, of which *control* tells what it does with them."""
    said = control.words(wish)
    given = body.get(TEMPLATE)
    kept = {name: value for name, value in given.items() if name not in NAMES} if isinstance(given, dict) else {}
    variables = {**kept, **said.variables}
    members = {TEMPLATE: variables} if variables else {}
    return ThinkingWords(members, WORDS - members.keys(), said.note)


def usual(wish: ThinkingWish, body: Mapping[str, Any]) -> ThinkingWords:
    """Return *wish* for a server of which nothing is known: the names of most templates, beside the client's own words."""
    given = body.get(TEMPLATE)
    members: dict[str, Any] = {}
    note = ""
    if wish.think is not None:
        names = {"enable_thinking": wish.think, "thinking": wish.think}
        members[TEMPLATE] = {**(given if isinstance(given, dict) else {}), **names}
    if wish.effort and body.get(EFFORT) and (level := nearest(wish.effort, USUAL_LEVELS)) != wish.effort:
        members[EFFORT] = note = str(level)
    # What only Ollama's own dialect knows is said by the other members.
    return ThinkingWords(members, ("think",), note)
