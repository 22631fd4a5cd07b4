"""What each cloud provider is told of thinking: they differ in the member, and their models in what they can be told.

Sources: https://platform.openai.com/docs/guides/reasoning, https://api-docs.deepseek.com/guides/thinking_mode, https://docs.z.ai,
https://ai.google.dev/gemini-api/docs/openai, https://openrouter.ai/docs/use-cases/reasoning-tokens, https://docs.x.ai.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from hostd.backends.thinking import ThinkingWords, usual
from hostd.dialects.anthropic import thinking as anthropic
from hostd.dialects.openai.thinking import EFFORT, WORDS
from hostd.domain.thinking import NO_EFFORT, ThinkingWish, nearest

Json = dict[str, Any]
Said = tuple[Json, str]
"""Members of the request, and what is asked of the model where that is not what was wished."""

_WITHOUT_THOUGHT = re.compile(r"(ft:)?(gpt-[34]|chatgpt-4)")
_MINIMAL = re.compile(r"gpt-5(-mini|-nano)?(-20[\d-]+)?$")
_NONE = re.compile(r"gpt-5\.\d+(-mini|-nano)?(-20[\d-]+)?$")
_ALWAYS = re.compile(r"gemini-(2\.5-pro|[3-9])")
_WITHOUT_EFFORT = re.compile(r"grok-(4(-|$)|code)")
_OLD_GROK = re.compile(r"grok-(2|3(?!-mini))")
_OPENAI = ("minimal", "low", "medium", "high", "xhigh")
_GOOGLE = ("minimal", "low", "medium", "high")
_DEEPSEEK = ("low", "medium", "high", "max")
_OPENROUTER = ("minimal", "low", "medium", "high", "xhigh")
_XAI = ("low", "high")


def words(provider: str, model: str, wish: ThinkingWish, body: Mapping[str, Any]) -> ThinkingWords:
    """Return *wish* as *provider* takes it for *model*."""
    say = _SAYS.get(provider)
    if say is None:
        # Most serve with vLLM or SGLang, which know the usual words; beside an effort they are left out, as others may refuse them.
        return ThinkingWords(without=("think",)) if EFFORT in body else usual(wish, body)
    members, note = say(model, wish, body)
    return ThinkingWords(members, WORDS - members.keys(), note)


def message_words(wish: ThinkingWish, body: Mapping[str, Any]) -> ThinkingWords:
    """Return *wish*, the owner's, for a request for a message that says nothing of it."""
    config = body.get("output_config")
    return ThinkingWords(anthropic.words_of(wish, others=config if isinstance(config, dict) else None))


def _openai(model: str, wish: ThinkingWish, body: Mapping[str, Any]) -> Said:  # noqa: ARG001 - one form for all
    if _WITHOUT_THOUGHT.match(model):
        return {}, "off" if wish.think else ""
    if wish.think is False:
        level = NO_EFFORT if _NONE.match(model) else "minimal" if _MINIMAL.match(model) else "low"
        return {EFFORT: level}, "" if level == NO_EFFORT else level
    if wish.effort:
        return _level(wish.effort, _OPENAI)
    return ({EFFORT: "medium"} if _NONE.match(model) else {}), ""


def _google(model: str, wish: ThinkingWish, body: Mapping[str, Any]) -> Said:  # noqa: ARG001 - one form for all
    if wish.think is False:
        return ({EFFORT: "low"}, "low") if _ALWAYS.match(model) else ({EFFORT: NO_EFFORT}, "")
    return _level(wish.effort or "medium", _GOOGLE)


def _switched(model: str, wish: ThinkingWish, body: Mapping[str, Any]) -> Said:  # noqa: ARG001 - one form for all
    given = body.get("thinking")
    others = given if isinstance(given, dict) else {}
    return {"thinking": {**others, "type": "disabled" if wish.think is False else "enabled"}}, ""


def _deepseek(model: str, wish: ThinkingWish, body: Mapping[str, Any]) -> Said:
    said, note = _switched(model, wish, body)
    if wish.think is not False and wish.effort:
        level, note = _level(wish.effort, _DEEPSEEK)
        said |= level
    return said, note


def _openrouter(model: str, wish: ThinkingWish, body: Mapping[str, Any]) -> Said:  # noqa: ARG001 - one form for all
    given = body.get("reasoning")
    said: Json = {
        name: value
        for name, value in (given.items() if isinstance(given, dict) else ())
        if name not in ("effort", "enabled", "max_tokens")
    }
    note = ""
    if wish.think is False:
        said["effort"] = NO_EFFORT
    elif wish.budget:
        said["max_tokens"] = wish.budget
    elif wish.effort:
        said["effort"] = nearest(wish.effort, _OPENROUTER)
        note = "" if said["effort"] == wish.effort else str(said["effort"])
    else:
        said["enabled"] = True
    return {"reasoning": said}, note


def _xai(model: str, wish: ThinkingWish, body: Mapping[str, Any]) -> Said:  # noqa: ARG001 - one form for all
    if _OLD_GROK.match(model) or "non-reasoning" in model:
        return {}, "off" if wish.think else ""
    if _WITHOUT_EFFORT.match(model):
        return {}, "on" if wish.think is False else ""
    if wish.think is False:
        return {EFFORT: "low"}, "low"
    return _level(wish.effort, _XAI) if wish.effort else ({}, "")


def _level(effort: str, known: tuple[str, ...]) -> Said:
    level = str(nearest(effort, known))
    return {EFFORT: level}, "" if level == effort else level


_SAYS: Mapping[str, Callable[[str, ThinkingWish, Mapping[str, Any]], Said]] = {
    "openai": _openai,
    "google": _google,
    "deepseek": _deepseek,
    "zai": _switched,
    "openrouter": _openrouter,
    "xai": _xai,
}
