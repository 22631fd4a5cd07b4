"""What templates do with variables about thinking, as Jinja itself renders them."""

import time
from typing import Any

import pytest

from hostd.dialects.chat_template import NAMES, QUESTION, Rendering, TemplateExperiment, names_in
from hostd.domain.thinking import ThinkingControl, Variables

jinja2 = pytest.importorskip("jinja2")

TURN = "{% for message in messages %}[{{ message.content }}]{% endfor %}"
SWITCH = TURN + "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}"
OFF_BY_DEFAULT = TURN + "{% if thinking | default(false) %}<think>{% else %}</think>{% endif %}"
MODE = (
    TURN + "{% if thinking_mode == 'disabled' %}<think></think>{% elif thinking_mode == 'enabled' %}<think>{% endif %}"
)
BUDGET = TURN + "{% if thinking_budget == 0 %}<think></think>{% endif %}"
WRITTEN = TURN + "Reasoning: {{ reasoning_effort | default('medium') }}"
STRICT = TURN + (
    "{% set effort = thinking_effort | default('high') %}"
    "{% if effort not in ['low', 'high', 'no_think'] %}{{ raise('no such effort') }}{% endif %}"
    "{% if effort == 'no_think' %}<think></think>{% else %}({{ effort }}){% endif %}"
)
QUIET = STRICT.replace("default('high')", "default('no_think')")
GRADED = OFF_BY_DEFAULT + "{% if thinking and reasoning_effort == 'max' %}Think hard.{% endif %}"
OPENED = TURN + "<think>\n"
MARKED = TURN + "{{ message.content.split('</think>')[-1] }}"
PLAIN = TURN + "{% if message.thinking or reasoning_content %}{{ 'enable_thinking' }}{% endif %}"


def refuse(why: str) -> None:
    """Refuse, as templates do by a function that engines give them."""
    raise ValueError(why)


def rendered(template: str, variables: Variables) -> str | None:
    """Return the prompt, or None where the template refuses."""
    try:
        text: str = jinja2.Template(template).render(
            messages=QUESTION, message={"content": ""}, **{"raise": refuse}, **variables
        )
    except ValueError:
        return None
    return text


def control(template: str, *, text_is_known: bool = True, as_tokens: bool = False) -> ThinkingControl | None:
    """Return what is found out about *template*, from its text or from its prompts alone."""
    experiment = TemplateExperiment(template if text_is_known else None)
    for variables in experiment.questions():
        prompt: Rendering = rendered(template, variables)
        experiment.note(variables, tuple(map(ord, prompt)) if as_tokens and isinstance(prompt, str) else prompt)
    return experiment.control()


def levels(*names: str, variable: str = "reasoning_effort") -> dict[str, Any]:
    """Return the variables of levels."""
    return {name: {variable: name} for name in names}


USUAL = ("low", "medium", "high")
ALL = ("minimal", "low", "medium", "high", "xhigh", "max")
KNOWN = {
    "switch": (SWITCH, ThinkingControl({"enable_thinking": True}, {"enable_thinking": False}, {}, True, True)),
    "off by default": (OFF_BY_DEFAULT, ThinkingControl({"thinking": True}, {"thinking": False}, {}, False, True)),
    "mode": (MODE, ThinkingControl({"thinking_mode": "enabled"}, {"thinking_mode": "disabled"}, {}, None, True)),
    "budget": (BUDGET, ThinkingControl({"thinking_budget": -1}, {"thinking_budget": 0}, {}, True, True)),
    "written": (WRITTEN, ThinkingControl({}, None, levels(*USUAL), True)),
    "strict": (
        STRICT,
        ThinkingControl(
            {}, {"thinking_effort": "no_think"}, levels("low", "high", variable="thinking_effort"), True, True
        ),
    ),
    "quiet": (
        QUIET,
        ThinkingControl(
            {"thinking_effort": "high"},
            {"thinking_effort": "no_think"},
            levels("low", "high", variable="thinking_effort"),
            False,
            True,
        ),
    ),
    "graded": (GRADED, ThinkingControl({"thinking": True}, {"thinking": False}, levels(*ALL), False, True)),
    "opened": (OPENED, ThinkingControl({}, None, {}, True, True)),
    "marked": (MARKED, ThinkingControl({}, None, {}, None, True)),
    "plain": (PLAIN, ThinkingControl(by_default=False)),
}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_a_template_does(name: str) -> None:
    """Only what changes the prompt counts, and only words that the template takes."""
    template, expected = KNOWN[name]
    assert expected == control(template)


@pytest.mark.parametrize("name", sorted(KNOWN.keys() - {"opened", "marked", "plain"}))
def test_without_its_text(name: str) -> None:
    """The prompts alone show the same, as text or as tokens; that there are marks is in the text."""
    template, expected = KNOWN[name]
    for as_tokens in (False, True):
        found = control(template, text_is_known=False, as_tokens=as_tokens)
        assert found is not None
        assert (expected.on, expected.off, expected.efforts) == (found.on, found.off, found.efforts)


def test_prompts_that_do_not_tell() -> None:
    """Whether the model thinks stays open, unless the prompt itself begins the thought."""
    hidden = control(PLAIN, text_is_known=False)
    assert hidden is not None
    assert hidden.capability is None
    opened = control(OPENED, text_is_known=False)
    assert opened is not None
    assert "true" == opened.capability


def test_a_server_that_renders_nothing() -> None:
    """It is asked once."""
    experiment = TemplateExperiment(None)
    asked = []
    for variables in experiment.questions():
        asked.append(variables)
        experiment.note(variables, None)
    assert ([{}], None) == (asked, experiment.control())


def test_few_questions() -> None:
    """A template is asked about what it reads, and a server about what it acts upon itself."""
    experiment = TemplateExperiment(PLAIN, frozenset({"enable_thinking"}))
    asked = []
    for variables in experiment.questions():
        asked.append(variables)
        experiment.note(variables, "the same")
    assert [{}, {"enable_thinking": True}, {"enable_thinking": False}] == asked


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ enable_thinking }} thinking", {"enable_thinking"}),
        ("{% if message.thinking %}{{ 'thinking' }}{{ \"reasoning\" }}{% endif %}", set()),
        ("{%- if not thinking is defined -%}{%- set thinking = false -%}", {"thinking"}),
        ("{{ my_thinking }}{{ thinking_modes }}{{ x['reasoning_effort'] }}{{ x.reasoning_effort }}", set()),
        ("{{ 'it\\'s' ~ reasoning_effort }}{# thinking #}", {"reasoning_effort"}),
        ("{{ thinking ~ 'never closed, reasoning", {"thinking"}),
        ('{{ thinking "\\', {"thinking"}),
        ("", set()),
    ],
)
def test_names(text: str, names: set[str]) -> None:
    """Those in code, neither in literals nor as members of something."""
    assert names == names_in(text)
    assert names <= NAMES


@pytest.mark.parametrize("part", ["{{", "{%", "{{ '\\'", '{{ "', "<think", "think:"])
def test_a_hostile_template_is_read_once(part: str) -> None:
    """However many brackets and quotes it opens, its length alone counts."""
    began = time.thread_time()
    assert set() == names_in(part * 100_000)
    assert time.thread_time() - began < 2
