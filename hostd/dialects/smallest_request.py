"""The request that costs an engine least, for a probe."""

from hostd.dialects.base import Dialect
from hostd.domain.ticket import Task


def smallest_request(model: str, task: Task) -> tuple[Dialect, dict[str, object]]:
    """Return the smallest request for *task*: one token, the vector or the score of one character, or one decision."""
    match task:
        case Task.EMBEDDINGS:
            return Dialect.OPENAI_EMBEDDINGS, {"model": model, "input": "1"}
        case Task.RERANK:
            return Dialect.RERANK, {"model": model, "query": "1", "documents": ["1"]}
        case Task.DECISIONS:
            return Dialect.SYSTEMONE, {
                "model": model,
                "state": "1",
                "questions": {"1": {"type": "noul", "instructions": "1"}},
            }
        case Task.TEXT:
            messages = [{"role": "user", "content": "1"}]
            return Dialect.OPENAI_CHAT, {"model": model, "messages": messages, "max_tokens": 1}
