"""Words of llama-server for a client's mistake that come with status 500, or 501; from its sources and from running it."""

from hostd.backends.refusal_patterns import RefusalClass, RefusalPatterns

PATTERNS = RefusalPatterns(
    # A text for an embedding must fit into one physical batch, a prompt into the slot's context.
    (RefusalClass.TOO_LONG, r"input .*is too large to process|input is larger than the max context size"),
    (RefusalClass.TOO_LONG, r"exceeds the available context size"),
    (RefusalClass.UNFIT, r"(image|audio|video) input is not supported|does not support multimodal"),
    (RefusalClass.UNFIT, r"does not support (embeddings|completions|chat|infill|reranking)"),
    (RefusalClass.UNFIT, r"(tools|tool_choice) param requires --jinja"),
    (RefusalClass.MALFORMED, r"failed to (load|decode) (image|audio)|invalid (image|audio|base64)"),
    (
        RefusalClass.MALFORMED,
        r"failed to (parse|initialize) (grammar|sampler)|error parsing grammar|grammar .*(invalid|not valid)",
    ),
    (RefusalClass.MALFORMED, r"failed to parse (tools|tool_choice|messages|input)"),
    (RefusalClass.MALFORMED, r"JSON schema (conversion|error)|unrecognized schema|unsupported (JSON )?schema"),
    (RefusalClass.MALFORMED, r"jinja|unable to generate parser for this template|conversation roles must alternate"),
    (RefusalClass.MALFORMED, r"system message must be at the beginning|only user.*roles are supported"),
    (RefusalClass.MALFORMED, r"^\[json\.exception\.|unsupported (param|content)|cannot use (custom )?grammar"),
)
