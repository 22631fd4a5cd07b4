"""Errors about tools are known by the words of each engine, and others are not taken for them."""

import pytest

from hostd.backends.tool_refusals import concerns_tools
from hostd.domain.errors import CapacityError, RequestError

ABOUT_TOOLS = [
    "The model produced output that does not match the expected peg-native format",
    "The model produced output that does not match the expected peg-gemma4 format",
    "Failed to parse input at pos 184: <tool_call>",
    'Invalid diff: \'{"name":"a\' not found at start of \'{"name":\'',
    "Failed to initialize samplers: failed to parse grammar",
    "Failed to initialize samplers: Unexpected empty grammar stack after accepting piece: <think> (248068)",
    "JSON schema conversion failed:\nUnrecognized schema: 5",
    "Unable to generate parser for this template. Automatic parser generation failed",
    "Failed to parse tool call arguments as JSON",
    "Can only get item pairs from a mapping.",
    "jinja2.exceptions.TemplateError: tool roles are not supported",
    "error parsing tool call: raw='{' err=unexpected end of JSON input",
]


@pytest.mark.parametrize("message", ABOUT_TOOLS)
def test_knows_the_words(message: str) -> None:
    """Of a refusal and of an engine's trouble alike; as quoted from reports."""
    assert concerns_tools(RequestError(message, code="engine_refused"))
    assert concerns_tools(CapacityError(message, code="engine_failed", retry_after=1, status=500))


@pytest.mark.parametrize(
    "error",
    [
        CapacityError("Internal Server Error", code="engine_failed", retry_after=1, status=500),
        CapacityError("rate limit of tool calls reached", code="c", retry_after=1, status=429),
        RequestError("the prompt is too long for a chat template", code="context_length_exceeded"),
        RequestError("tools param requires --jinja flag", code="unfit"),
        RequestError("An assistant message with 'tool_calls' must be followed by tool messages", code="bad_request"),
        RequestError("'temperature' must be a number", code="bad_request"),
    ],
    ids=str,
)
def test_leaves_others_alone(error: RequestError | CapacityError) -> None:
    """A limit, a context that is too short, what another model can do, and all else."""
    assert not concerns_tools(error)
