"""Whether the template of vLLM's model takes system messages anywhere, or at the front only."""

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.dialects.openai.system_messages import LATE

_TIMEOUT = 2.0


async def anywhere(http: HttpClient, endpoint: Endpoint) -> bool:
    """Return whether the model's template at *endpoint* makes a prompt of a conversation with a system message in its middle."""
    asked = {"model": endpoint.model, "messages": LATE}
    found = await http.document(f"{endpoint.url}/tokenize", endpoint.headers, asked, seconds=_TIMEOUT)
    return isinstance(found, dict) and isinstance(found.get("tokens"), list)
