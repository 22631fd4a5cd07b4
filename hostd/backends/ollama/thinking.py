"""What Ollama is told of thinking: its OpenAI routes know ``reasoning_effort`` alone, and refuse it for models that do not think.

Sources: https://docs.ollama.com/capabilities/thinking and https://docs.ollama.com/api/openai-compatibility.
"""

from collections.abc import Mapping
from typing import Any

from hostd.backends.thinking import ThinkingWords
from hostd.dialects.openai.thinking import EFFORT, WORDS
from hostd.domain.thinking import LEVELS, NO_EFFORT, USUAL_LEVELS, ThinkingControl, ThinkingWish, nearest

_NONE = {EFFORT: NO_EFFORT}


def shown_control(shown: Mapping[str, Any]) -> ThinkingControl | None:
    """Return what ``/api/show`` says of the model; None where it says nothing of what the model can do."""
    can, told = shown.get("capabilities"), shown.get("thinking")
    if not isinstance(can, list):
        return None
    if "thinking" not in can:
        return ThinkingControl(by_default=False)
    values = told.get("values") if isinstance(told, dict) else None
    if not isinstance(values, list):
        return ThinkingControl({}, _NONE, {level: {EFFORT: level} for level in USUAL_LEVELS}, by_default=True)
    efforts = {level: {EFFORT: level} for level in LEVELS if level in values}
    by_default = None if not isinstance(told, dict) else told.get("default") is not False
    on = {} if by_default else efforts.get("medium", {EFFORT: "medium"})
    return ThinkingControl(on, _NONE if False in values else None, efforts, by_default)


def words(wish: ThinkingWish, control: ThinkingControl | None) -> ThinkingWords:
    """Return *wish* as the one member that Ollama knows."""
    if control is not None:
        said = control.words(wish)
        return ThinkingWords(said.variables, WORDS, said.note)
    level = NO_EFFORT if wish.think is False else nearest(wish.effort, USUAL_LEVELS) if wish.effort else None
    return ThinkingWords({EFFORT: level} if level else {}, WORDS)
