"""Words of Ollama for a client's mistake, some of which come with status 500; from its sources and from running it.

It passes on what its llama-server says, as the JSON document that it was.
"""

from collections.abc import Mapping

from hostd.backends.llamacpp import refusals
from hostd.backends.refusal_patterns import RefusalClass, RefusalPatterns
from hostd.dialects.json_text import JsonError, parse_json

_OWN = RefusalPatterns(
    (RefusalClass.TOO_LONG, r"input length exceeds|exceeds? (the )?(available |maximum )?context (length|size|window)"),
    (RefusalClass.TOO_LONG, r"longer than the context|input .*is too large to process"),
    (
        RefusalClass.UNFIT,
        r"does not support (tools|thinking|think|vision|images|chat|generate|insert|embeddings|embedding models)",
    ),
    (RefusalClass.UNFIT, r"missing data required for image input|vision is not supported|does not support image"),
    (
        RefusalClass.MALFORMED,
        r"failed to parse grammar|invalid (JSON )?(schema|format)|model vocabulary required for format",
    ),
    (RefusalClass.MALFORMED, r"invalid image|unknown format.*image|illegal base64|failed to (decode|process) image"),
    (RefusalClass.MALFORMED, r"^template: |error calling .*template"),
)
PATTERNS = RefusalPatterns.of_all([_OWN, refusals.PATTERNS])


def plain(message: str) -> str:
    """Return *message* without the document of llama-server's that it may be."""
    if not message.startswith("{"):
        return message
    try:
        document = parse_json(message.encode("utf-8", "surrogatepass"))
    except JsonError:
        return message
    error = document.get("error") if isinstance(document, Mapping) else None
    said = error.get("message") if isinstance(error, Mapping) else None
    return said if isinstance(said, str) else message
