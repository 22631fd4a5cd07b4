"""Which requests llama-server is asked by its own ``/v1/messages``, and which by a chat completion.

Both come to the same within the server, which makes a chat completion of a message; what it does on the way was measured with the
builds of October 2026. By its messages it tells at which stop sequence an answer ended, and all sums of the prompt in the first
event, of which a chat completion tells neither. But it leaves out documents, tools that a conversation has loaded, the form of an
answer, the choice of one tool or of none, and that a model is not to think; it refuses late system messages, makes empty arguments
of those that cannot be read, ends a thought only after the text that follows it, reports nothing of how much it has read, and takes
no further members. So messages are passed on where nothing of that matters: texts alone, to a model that does not think, and short,
unless there is a stop sequence to be told.
"""

from hostd.backends.contract import Endpoint, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp.streaming import LONG
from hostd.dialects.anthropic.dialect import PATHS
from hostd.dialects.anthropic.plain_text import is_plain
from hostd.dialects.base import Dialect, InferenceRequest

PATH = PATHS[Dialect.ANTHROPIC_MESSAGES]
_TIMEOUT = 2.0
_SMALLEST = {"max_tokens": 1, "messages": [{"role": "user", "content": "."}]}


async def has_messages(http: HttpClient, endpoint: Endpoint) -> bool:
    """Return whether the server at *endpoint* has messages: builds from December 2025 on do. Nothing is generated to see it."""
    url = f"{endpoint.url}{PATH}/count_tokens"
    answer = await http.document(url, endpoint.headers, _SMALLEST, seconds=_TIMEOUT)
    return isinstance(answer, dict) and "input_tokens" in answer


def as_good(request: InferenceRequest, facts: ServerFacts) -> bool:
    """Return whether the answer to *request*, in whatever dialect, by messages is as good as by a chat completion."""
    if request.dialect is not Dialect.ANTHROPIC_MESSAGES or not facts.messages:
        return False
    control, document = facts.thinking, request.document
    if control is None or control.marks or control.on is not None:
        return False
    return (document.size <= LONG or bool(document.get("stop_sequences"))) and is_plain(document)
