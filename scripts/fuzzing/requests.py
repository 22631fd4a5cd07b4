"""Requests at random, from almost right to line noise, as bytes for a socket."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from hostd.dialects import registry
from tests.dialects.typed_requests import TYPES, drawn

INFERENCE = tuple(registry.PATHS)
TASK_MODELS = {
    "/v1/embeddings": "vectors",
    "/api/embed": "vectors",
    "/api/embeddings": "vectors",
    "/v1/rerank": "ranks",
    "/v2/rerank": "ranks",
    "/v1/systemone": "decides",
}
"""Which model can answer at a path; others are asked there, too."""
MEMBERS = [
    "model",
    "messages",
    "prompt",
    "input",
    "stream",
    "tools",
    "functions",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "stop",
    "keep_alive",
    "n",
    "seed",
    "logprobs",
    "top_logprobs",
    "response_format",
    "tool_choice",
    "stream_options",
    "user",
    "options",
    "logit_bias",
    "encoding_format",
    "dimensions",
    "num_ctx",
    "best_of",
    "grammar",
    *(
        "instructions",
        "text",
        "reasoning",
        "include",
        "previous_response_id",
        "max_output_tokens",
        "system",
        "thinking",
    ),
    *("format", "think", "images", "raw", "suffix", "name"),
    *("query", "documents", "texts", "top_n", "rank_fields", "return_documents", "state", "questions"),
    *("stop_sequences", "output_config", "output_format", "metadata", "truncate", "max_tokens_per_doc"),
]
KINDS = (
    *("text", "image_url", "function", "json_schema", 5),
    *(
        "image",
        "document",
        "search_result",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_result",
        "tool_reference",
    ),
    *("message", "function_call", "function_call_output", "reasoning", "item_reference", "input_text", "output_text"),
    *(
        "input_image",
        "input_file",
        "refusal",
        "namespace",
        "web_search",
        "custom",
        "enabled",
        "adaptive",
        "auto",
        "any",
    ),
)
"""What members called ``type`` say in any dialect."""
BLOCK = (
    *("text", "function", "input", "content", "source", "name", "id", "tool_use_id", "call_id", "arguments", "output"),
    *("parameters", "input_schema", "defer_loading", "tool_name", "schema", "summary", "encrypted_content"),
    *("image_url", "effort", "format", "is_error", "signature", "cache_control", "budget_tokens"),
)
"""What stands beside ``type``."""
TEXTS = (
    "", "a", "Hello", "\0", "\ud800", "\U0001f600", "\u00e9" * 50, "x" * 5000, "../../etc/passwd", "\r\nX: y", "\x1b[31m",
    "\u202e", "{{7*7}}", "data:image/png;base64,AA", "http://127.0.0.1:1/", "NaN", "\u00b2", "\u0663", "-1", "1e400", "5m",
    "null", "<|im_end|>", "0", "5", "9" * 4500,
)  # fmt: skip
HEADERS = [
    "Host",
    "Origin",
    "X-Request-Id",
    "X-Hostd-Timeout",
    "X-Hostd-Client",
    "X-Hostd-Priority",
    "X-Hostd-Privacy",
    "X-Hostd-Session",
    "Content-Type",
    "Content-Encoding",
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Cookie",
    "Range",
    "Expect",
    "Connection",
    "Transfer-Encoding",
    "If-None-Match",
    "X-Forwarded-For",
    "Upgrade",
    "Sec-Fetch-Site",
    "Access-Control-Request-Method",
    "Referer",
    "User-Agent",
    "Content-Length",
]
VALUES = (
    "", "a", "x" * 500, "x" * 7000, "x" * 20000, "\u00b2", "\u00e9", "\u2028", "http://[", "http://localhost",
    "http://localhost:3000", "https://evil.com", "null", "127.0.0.1", "[::1]", "[::1", "5", "-5", "nan", "1e9", "0", "0.001",
    "30s", "5 parsecs", "gzip", "zstd", "br", "deflate", "chunked", "identity", "close", "keep-alive", "text/event-stream",
    "application/json; charset=utf-16", "bytes=0-5", "100-continue", "Bearer x", "cross-site", "batch", "local", "\t", '"',
    ";", ",", "a=b; c=d", "%00", "\x7f", "\x01",
)  # fmt: skip
PATHS = (
    "/", "//", "/v1", "/v1//models", "/hostd/v1/models//load", "/hostd/v1/../v1/models", "/%00", "/v1/models/%ff", "*",
    "http://x/healthz", "/v1/chat/completions/", "/" + "a" * 5000, "/" + "a" * 20000, "/hostd/v1/models/a/b/c/logs", "?",
    "/?a=b#c",
)  # fmt: skip
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "FOO", "get"]
PARAMETERS = ["wait", "lines", "last", "model", "request", "follow", "only", "ctx", "slots", "host", "x"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: its method, its path for the report, and its bytes."""

    method: str
    path: str
    data: bytes


class Requests:
    """An endless supply of requests to *routes* (method, path with ``{name}``) about *models*, the same for the same *seed*."""

    def __init__(self, routes: Sequence[tuple[str, str]], models: Sequence[str], seed: int) -> None:
        self._rng = random.Random(seed)
        self._routes = routes
        self._models = models
        self._names = (*models, "nope", "", models[0].upper(), "a/b", "..", models[0] + "\n", "%2e%2e", "x" * 300)

    def __iter__(self) -> "Requests":
        return self

    def __next__(self) -> Sent:
        pick, chance = self._rng.choice, self._rng.random
        method, path = pick(self._routes) if chance() < 0.6 else ("POST", pick(INFERENCE))
        path = path.replace("{name}", quote(pick(self._names), safe="/" if chance() < 0.5 else ""))
        if chance() < 0.08:
            path = pick(PATHS)
        if chance() < 0.05:
            method = pick(METHODS)
        if chance() < 0.2:
            path += "?" + "&".join(self._parameter() for _ in range(self._rng.randrange(1, 4)))
        body = self._body(path) if method == "POST" or chance() < 0.05 else b""
        head = {"Host": "127.0.0.1", "Connection": "close"}
        for _ in range(pick((0, 0, 1, 2, 4))):
            head[pick(HEADERS)] = pick(VALUES)
        if body:
            head.setdefault("Content-Length", str(len(body)))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        data = "\r\n".join(lines).encode("utf-8", "surrogatepass") + body
        return Sent(method, path, self._spoilt(data) if chance() < 0.05 else data)

    def _parameter(self) -> str:
        value = self._rng.choice((*TEXTS, "0", "1", "5", "99999999999"))
        return f"{self._rng.choice(PARAMETERS)}={quote(value.encode('utf-8', 'surrogatepass'))}"

    def _body(self, path: str) -> bytes:
        pick, chance = self._rng.choice, self._rng.random
        able = TASK_MODELS.get(path.partition("?")[0])
        models = self._models if able is None or chance() < 0.3 else (able,)
        if path in TYPES and chance() < 0.4:
            # What the clients' own types allow, or almost.
            typed = drawn(path, self._rng.randrange(2**32), pick((0, 0, 6, 40)))
            bounded = {
                "model": pick(models),
                "max_tokens": 4,
                "max_completion_tokens": 4,
                "t_max_predict_ms": 300,
            }
            return json.dumps(typed | bounded).encode()
        if chance() < 0.05:
            return pick(
                (b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"model":', b"5", b'"x"', b"[" * 5000, b'{"a":' * 900)
            )
        document: dict[str, object] = {
            "model": pick(models if chance() < 0.8 else self._names),
            "messages": [{"role": "user", "content": "Hi"}],
            "prompt": "Hi",
            "input": "Hi",
            "query": "Hi",
            "documents": ["Hi", "Ho"],
            "questions": {"a": {"type": "noul", "instructions": "Is it so?"}},
            "state": "Hi",
            "max_tokens": pick((1, 4, 200)),
            # llama.cpp's own limit on time: random sampling options must not keep a slot for minutes.
            "t_max_predict_ms": 300,
        }
        for _ in range(self._rng.randrange(5)):
            document[pick(MEMBERS)] = self._value()
        if chance() < 0.3:
            document["stream"] = True
        if chance() < 0.1:
            document.pop(pick(list(document)))
        data = json.dumps(document, ensure_ascii=chance() < 0.7).encode("utf-8", "surrogatepass")
        return self._spoilt(data) if chance() < 0.08 else data

    def _value(self, depth: int = 0) -> object:
        pick, deeper = self._rng.choice, depth + 1
        made = [
            lambda: None,
            lambda: pick((True, False)),
            lambda: pick((0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**400, 5, 129)),
            lambda: pick((0.0, 1.5, -0.0, 1e308, float("inf"), float("nan"), 1e-320)),
            lambda: pick(TEXTS),
            lambda: pick(TEXTS),
            lambda: pick(self._names),
            lambda: [self._value(deeper) for _ in range(self._rng.randrange(4))],
            lambda: {
                "role": pick(("user", "system", "developer", "assistant", "tool", None)),
                "content": self._value(deeper),
            },
            lambda: {"type": pick(KINDS), pick(BLOCK): pick(TEXTS), pick(BLOCK): self._value(deeper)},
            lambda: [{"role": pick(("user", "assistant", "system")), "content": [self._value(deeper)]}],
            lambda: {pick((*MEMBERS, *TEXTS)): self._value(deeper) for _ in range(self._rng.randrange(4))},
        ]
        return pick(made if depth < 4 else made[:7])()

    def _spoilt(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        for _ in range(self._rng.randrange(1, 7) if spoilt else 0):
            spoilt[self._rng.randrange(len(spoilt))] = self._rng.randrange(256)
        return bytes(spoilt)
