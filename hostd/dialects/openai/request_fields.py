"""Members of requests that may reach an engine: those of OpenAI's API, and what clients set beside them.

Servers act upon many more: they load adapters and templates, take another conversation's slot, fetch, or change the form of their
answers. So a member passes where the server's backend or the owner (``allow_fields``) lists it. Any other is left out, which is no
error, since clients send the same members to every server. https://platform.openai.com/docs/api-reference
"""

import re
from collections.abc import Collection
from itertools import islice

from hostd.dialects.request_document import RequestDocument

CHAT = frozenset(
    {
        *(
            "audio",
            "frequency_penalty",
            "function_call",
            "functions",
            "logit_bias",
            "logprobs",
            "max_completion_tokens",
        ),
        *("max_tokens", "messages", "metadata", "modalities", "model", "n", "parallel_tool_calls", "prediction"),
        *("moderation", "prompt_cache_options"),
        *("presence_penalty", "prompt_cache_key", "prompt_cache_retention", "reasoning_effort", "response_format"),
        *("safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options", "temperature"),
        *("tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options"),
    }
)
COMPLETIONS = frozenset({"best_of", "echo", "prompt", "suffix"})
EMBEDDINGS = frozenset({"dimensions", "encoding_format", "input"})
RERANK = frozenset({"documents", "max_tokens_per_doc", "query", "return_documents", "top_n"})
"""As Cohere and Jina have them, whose form other servers took over."""
OFFICIAL = CHAT | COMPLETIONS | EMBEDDINGS | RERANK

TEMPLATE = "chat_template_kwargs"
SAMPLING = frozenset({"ignore_eos", "min_p", "min_tokens", "repetition_penalty", "top_k", "typical_p"})
"""What samplers of several engines know by the same name."""
THINKING = frozenset({TEMPLATE, "enable_thinking", "include_reasoning", "reasoning", "thinking", "thinking_budget"})
"""How much a model thinks, in the words of several servers."""
COMMON = OFFICIAL | SAMPLING | THINKING
"""What passes to a server whose backend lists nothing itself."""

_VARIABLES = frozenset(
    {
        *("enable_thinking", "thinking", "thinking_mode", "thinking_budget", "reasoning_effort", "reasoning_budget"),
        *("preserve_thinking", "clear_thinking", "reasoning", "low_effort", "date_string", "current_date", "today"),
        *("thinking_effort", "reasoning_strength"),
        *("builtin_tools", "custom_tools", "python_tools", "xml_tools", "tools_in_user_message", "model_identity"),
    }
)
"""Variables that templates of models read. Others are arguments of what renders them: a template, files, sizes."""
_LONGEST, _LARGEST = 256, 16 * 1024
"""Characters of one variable that is a text, and bytes of all of them."""
_READ_HERE = frozenset({"keep_alive"})
"""What hostd itself acts upon, in the engine's stead."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_MOST_SHOWN = 16


def permitted(
    document: RequestDocument, fields: Collection[str], owners: Collection[str]
) -> tuple[RequestDocument, tuple[str, ...]]:
    """Return *document* with the members that are among *fields* or the *owners*, and the names of what is left out.

    A document of which all may pass is returned as it is, and nothing of it is decoded.
    """
    left_out = document.names_beyond(fields, owners)
    if left_out:
        document = document.replace({}, without=left_out)
        left_out = tuple(name for name in left_out if name not in _READ_HERE)
    if TEMPLATE in document and TEMPLATE not in owners:
        document, variables = _known_variables(document)
        left_out += variables
    return document, left_out


def shown(names: Collection[str]) -> str:
    """Return *names*, which a client chose, as a short list without anything but letters, digits and ``_ . -``."""
    plain = [name for name in islice(names, _MOST_SHOWN) if _NAME.fullmatch(name)]
    others = len(names) - len(plain)
    return ", ".join([*plain, f"{others} more"] if others else plain)


def _known_variables(document: RequestDocument) -> tuple[RequestDocument, tuple[str, ...]]:
    """Return *document* with the known variables of its template that are plain values, and the names of the others."""
    given = document[TEMPLATE] if document.size_of(TEMPLATE) <= _LARGEST else ""
    if given is None:
        return document, ()
    if not isinstance(given, dict):
        return document.replace({}, without=(TEMPLATE,)), (TEMPLATE,)
    kept = {name: value for name, value in given.items() if name in _VARIABLES and _is_plain(value)}
    if len(kept) == len(given):
        return document, ()
    left_out = tuple(f"{TEMPLATE}.{name}" for name in given if name not in kept)
    return document.replace({TEMPLATE: kept}), left_out


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _LONGEST)
