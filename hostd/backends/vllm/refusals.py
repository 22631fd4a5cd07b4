"""Words of vLLM for a client's mistake, some of which come with status 500; from its sources and from what its users report."""

from hostd.backends.refusal_patterns import RefusalClass, RefusalPatterns

PATTERNS = RefusalPatterns(
    (
        RefusalClass.TOO_LONG,
        r"maximum context length|longer than the maximum model length|cannot be greater than max_model_len",
    ),
    (RefusalClass.UNFIT, r"is not a multimodal model|at most 0 (image|audio|video)"),
    (RefusalClass.UNFIT, r"does not support (the )?(embeddings|chat completions|completions|pooling|score)"),
    (RefusalClass.UNFIT, r"tool choice requires --enable-auto-tool-choice|--tool-call-parser to be set"),
    (RefusalClass.MALFORMED, r"at most \d+ (image|audio|video)"),
    (RefusalClass.MALFORMED, r"(invalid|failed to (convert|compile)|unsupported) .*(grammar|schema|regex|structured)"),
    (
        RefusalClass.MALFORMED,
        r"TemplateError|chat template|conversation roles must alternate|only user.*roles are supported",
    ),
    (RefusalClass.MALFORMED, r"cannot identify image file|invalid base64|failed to (load|decode) (image|audio|video)"),
)
