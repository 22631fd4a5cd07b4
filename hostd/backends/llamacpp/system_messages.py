"""Whether the template of a llama-server's model takes system messages anywhere, or at the front only."""

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.dialects.openai.system_messages import LATE, takes_late

_TIMEOUT = 2.0


async def anywhere(http: HttpClient, endpoint: Endpoint) -> bool:
    """Return whether a system message in the middle of a conversation is in the prompt of the model at *endpoint*."""
    found = await http.document(
        f"{endpoint.url}/apply-template", endpoint.headers, {"messages": LATE}, seconds=_TIMEOUT
    )
    prompt = found.get("prompt") if isinstance(found, dict) else None
    return takes_late(prompt if isinstance(prompt, str) else None)
