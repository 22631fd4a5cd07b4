"""How much a model is to think, in the words that clients of chat completions have for it, and in those of the Responses API.

OpenAI has ``reasoning_effort``, OpenRouter ``reasoning``, DeepSeek and Z.ai ``thinking``, Ollama ``think``; llama-server, vLLM,
SGLang and MLX hand ``chat_template_kwargs`` to the template, and Qwen's own servers know ``enable_thinking``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hostd.dialects.chat_template import NAMES
from hostd.dialects.openai.bounds import MAX_TOKENS
from hostd.dialects.openai.request_fields import TEMPLATE
from hostd.dialects.request_document import RequestDocument
from hostd.domain.thinking import NO_EFFORT, ThinkingWish

Json = dict[str, Any]

EFFORT = "reasoning_effort"
BUDGET = "thinking_budget_tokens"
_BUDGETS = (BUDGET, "reasoning_budget_tokens", "thinking_token_budget", "thinking_budget")
_FLAGS = ("enable_thinking", "think", "thinking")
_KINDS = {"enabled": True, "adaptive": None, "auto": None, "disabled": False}
WORDS = frozenset({EFFORT, TEMPLATE, "reasoning", *_FLAGS, *_BUDGETS})
"""Members of a chat completion that may be about thinking."""


def wish_of(body: Mapping[str, Any]) -> ThinkingWish | None:
    """Return what the chat completion *body* says of thinking; None where it says nothing.

    Where it contradicts itself, the model is not to think.
    """
    if isinstance(body, RequestDocument) and body.texts().keys().isdisjoint(WORDS):
        return None
    wishes = list(_wishes(body))
    if not wishes:
        return None
    flags = {wish.think for wish in wishes}
    if False in flags:
        return ThinkingWish(think=False)
    effort = next((wish.effort for wish in wishes if wish.effort), None)
    budget = next((wish.budget for wish in wishes if wish.budget), None)
    return ThinkingWish(True if True in flags else None, effort, budget)


def words_of(wish: ThinkingWish) -> Json:
    """Return *wish* as members of a chat completion, in the words that most servers of models know."""
    if wish.think is False:
        return {TEMPLATE: {"enable_thinking": False}}
    said: Json = {EFFORT: wish.effort} if wish.effort else {TEMPLATE: {"enable_thinking": True}} if wish.think else {}
    return said | ({BUDGET: wish.budget} if wish.budget else {})


def of_effort(effort: object) -> ThinkingWish | None:
    """Return the wish that *effort* is, a level's name; None where it is none."""
    return ThinkingWish.of_effort(effort) if isinstance(effort, str) and effort else None


def of_budget(budget: object) -> ThinkingWish | None:
    """Return the wish that *budget* is, a number of tokens; 0 is no thought, a negative one no bound. None where it is none."""
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < 0:
        return None
    return ThinkingWish(think=True, budget=min(budget, MAX_TOKENS)) if budget else ThinkingWish(think=False)


def of_kind(thinking: object) -> ThinkingWish | None:
    """Return the wish that *thinking* is, an object with a ``type`` and ``budget_tokens``, or a flag; None where it is none."""
    if isinstance(thinking, bool):
        return ThinkingWish(think=thinking)
    kind = thinking.get("type") if isinstance(thinking, Mapping) else None
    if not isinstance(thinking, Mapping) or not isinstance(kind, str) or kind not in _KINDS:
        return None
    think = _KINDS[kind]
    budget = of_budget(thinking.get("budget_tokens")) if think else None
    return ThinkingWish(think, budget=None if budget is None else budget.budget)


def _wishes(body: Mapping[str, Any]) -> Iterator[ThinkingWish]:
    """Yield what each member says, those first that leave less open."""
    said = [of_effort(body.get(EFFORT)), *_reasoning(body.get("reasoning")), *map(of_budget, map(body.get, _BUDGETS))]
    for name in _FLAGS:
        value = body.get(name)
        said.append(of_effort(value) if isinstance(value, str) else of_kind(value))
    if isinstance(given := body.get(TEMPLATE), Mapping):
        said += _variables(given)
    yield from (wish for wish in said if wish is not None)


def _reasoning(reasoning: object) -> Iterator[ThinkingWish | None]:
    if isinstance(reasoning, bool):
        yield ThinkingWish(think=reasoning)
    if isinstance(reasoning, Mapping):
        yield of_effort(reasoning.get("effort"))
        yield of_budget(reasoning.get("max_tokens"))
        if isinstance(enabled := reasoning.get("enabled"), bool):
            yield ThinkingWish(think=enabled)


def _variables(given: Mapping[str, Any]) -> Iterator[ThinkingWish | None]:
    """Yield what variables of a template say."""
    for name in sorted(NAMES & given.keys()):
        value = given[name]
        if isinstance(value, bool):
            yield ThinkingWish(think=value)
        elif name == "thinking_mode":
            yield of_kind({"type": {"thinking": "enabled", "chat": "disabled"}.get(str(value), value)})
        elif name == "thinking_budget":
            yield of_budget(value)
        elif isinstance(value, str) and name not in ("enable_thinking", "thinking", "reasoning"):
            yield of_effort(NO_EFFORT if value == "no_think" else value)
