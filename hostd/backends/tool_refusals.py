"""Words of engines for what they cannot do with the tools of a request, or with the call that their model has made of one.

They come with status 400 or 500, as an answer or at the end of a stream, and depend on the model's template and on chance: the same
request may well succeed when it is asked once more, or where another model answers.
"""

import re

from hostd.domain.errors import HostdError, RequestError

_WORDS = re.compile(
    # llama-server: a call that left the form of its template, in builds of 2026, of 2025, and as it was first streamed.
    r"does not match the expected .{1,40} format|failed to parse input at pos|invalid diff: "
    # Grammars that are made of tools, and samplers that run into their end.
    r"|grammar|json schema conversion|unrecognized schema|failed to initialize sampler|unable to generate parser"
    # Templates, of any engine, and Python's words where one expects arguments to be a mapping.
    r"|jinja|chat.?template|templateerror|can only get item pairs from a mapping"
    # Tools and calls by name: llama-server, vLLM, Ollama.
    r"|failed to parse tool|tool.?pars|(parsing|extracting) tool",
    re.IGNORECASE,
)
_NOT_OF_TOOLS = ("context_length_exceeded", "unfit", "content_filter")


def concerns_tools(error: HostdError) -> bool:
    """Return whether an engine's *error* for a request with tools is about these."""
    if error.status in (401, 403, 404, 429) or (isinstance(error, RequestError) and error.code in _NOT_OF_TOOLS):
        return False
    return _WORDS.search(error.message) is not None
