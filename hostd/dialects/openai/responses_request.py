"""A Responses request as one for a chat completion.

What only OpenAI can do leaves no mark: tools that it runs itself, and namespaces of tools, are left out, so that clients which
always offer them are served with the others. What would need a store is refused, as the client would wait for it in vain.
"""

from typing import Any

from hostd.dialects.from_chat.shapes import bad, objects, optional_object, whole_number
from hostd.dialects.openai.request_fields import TEMPLATE
from hostd.dialects.openai.responses_input import messages_of
from hostd.dialects.openai.thinking import wish_of, words_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError

Json = dict[str, Any]

_STORED = {
    "previous_response_id": "send the earlier turns as items of 'input', or set 'state.keep' in hostd.yaml",
    "conversation": "send the earlier turns as items of 'input'",
    "background": "leave it out and wait for the answer, as a stream if you like",
    "prompt": "send the text of the prompt as 'instructions'",
}
_PASSED = ("temperature", "top_p", "user", "seed", "stop", "top_k", "min_p", "presence_penalty", "frequency_penalty")
_NO_PARAMETERS: Json = {"type": "object", "properties": {}}
_LOGPROBS = "message.output_text.logprobs"


def chat_request(document: RequestDocument, model: str) -> RequestDocument:
    """Return *document* as a request to *model* for a chat completion.

    Raises:
        RequestError: A member has the wrong shape, or the request needs what hostd does not store.
    """
    for name, instead in _STORED.items():
        if document.is_true(name):
            raise RequestError(f"'{name}' needs what hostd does not store; {instead}", code="not_stored", param=name)
    asked: Json = {"model": model, "messages": messages_of(document.get("instructions"), document.get("input"))}
    asked |= {name: value for name in _PASSED if (value := document.get(name)) is not None}
    asked |= _limit(document.get("max_output_tokens")) | _format(document) | _thought(document) | _logprobs(document)
    if tools := functions_of(document.get("tools")):
        asked |= {"tools": [_function(tool) for tool in tools]} | _choice(document.get("tool_choice"))
        if isinstance(parallel := document.get("parallel_tool_calls"), bool):
            asked["parallel_tool_calls"] = parallel
    if document.flag("stream"):
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return RequestDocument.of(asked)


def functions_of(tools: object) -> list[Json]:
    """Return those of *tools* that a client runs: functions with a name.

    Raises:
        RequestError: They are no list of objects, or a function has no name.
    """
    found = [tool for tool in objects(tools, "tools") if tool.get("type") == "function"]
    for tool in found:
        if not isinstance(tool.get("name"), str) or not tool["name"]:
            raise bad("tools", "functions with a 'name'")
    return found


def _function(tool: Json) -> Json:
    function: Json = {"name": tool["name"]}
    if isinstance(description := tool.get("description"), str) and description:
        function["description"] = description
    function["parameters"] = optional_object(tool.get("parameters"), "tools") or _NO_PARAMETERS
    if tool.get("strict") is True:
        function["strict"] = True
    return {"type": "function", "function": function}


def _choice(choice: object) -> Json:
    """Return which tool is to be called; of a choice among some tools, only whether one must be is kept."""
    if isinstance(choice, dict):
        if choice.get("type") == "function" and isinstance(choice.get("name"), str):
            return {"tool_choice": {"type": "function", "function": {"name": choice["name"]}}}
        choice = choice.get("mode") if choice.get("type") == "allowed_tools" else None
    return {"tool_choice": choice} if choice in ("none", "auto", "required") else {}


def _limit(limit: object) -> Json:
    """Return the limit of tokens; one of none is none."""
    tokens = whole_number(limit)
    if limit is not None and tokens is None:
        raise bad("max_output_tokens", "a whole number")
    return {"max_tokens": tokens} if tokens is not None and tokens > 0 else {}


def _format(document: RequestDocument) -> Json:
    wanted = optional_object(optional_object(document.get("text"), "text").get("format"), "text.format")
    if wanted.get("type") == "json_object":
        return {"response_format": {"type": "json_object"}}
    if wanted.get("type") != "json_schema":
        return {}
    schema = {
        name: wanted[name] for name in ("name", "description", "schema", "strict") if wanted.get(name) is not None
    }
    if not isinstance(schema.get("schema"), dict):
        raise bad("text.format.schema", "a JSON schema")
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", **schema}}}


def _thought(document: RequestDocument) -> Json:
    """Return how much the model is to think, where that is said; llama-server and vLLM hand the arguments to the template."""
    optional_object(document.get("reasoning"), "reasoning")
    given, wish = document.get(TEMPLATE), wish_of(document)
    said: Json = {} if wish is None else words_of(wish)
    if isinstance(given, dict):
        said[TEMPLATE] = given | said.get(TEMPLATE, {})
    return said


def _logprobs(document: RequestDocument) -> Json:
    include, most = document.get("include"), whole_number(document.get("top_logprobs")) or 0
    if most <= 0 and not (isinstance(include, list) and _LOGPROBS in include):
        return {}
    return {"logprobs": True} | ({"top_logprobs": most} if most > 0 else {})
