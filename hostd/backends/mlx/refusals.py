"""Words of mlx-lm, mlx-vlm and the tokenizers' templates for a client's mistake; from their sources and from running them."""

from hostd.backends.refusal_patterns import RefusalClass, RefusalPatterns

PATTERNS = RefusalPatterns(
    (RefusalClass.TOO_LONG, r"exceeds? (the )?(maximum |available )?context (length|size|window)|prompt is too long"),
    (
        RefusalClass.UNFIT,
        r"only 'text' content type is supported|only text content|does not support (images|tools|vision)",
    ),
    (
        RefusalClass.MALFORMED,
        r"TemplateError|chat.template|conversation roles must alternate|only user.*roles are supported",
    ),
    (
        RefusalClass.MALFORMED,
        r"cannot identify image file|must be a (list|string|number|dictionary|positive|non-negative)",
    ),
)
