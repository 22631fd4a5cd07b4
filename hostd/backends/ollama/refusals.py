"""Words of Ollama for a client's mistake, some of which come with status 500; from its sources and from what its users report."""

from hostd.backends.refusal_patterns import RefusalClass, RefusalPatterns

PATTERNS = RefusalPatterns(
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
