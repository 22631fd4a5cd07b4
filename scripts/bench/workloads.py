"""What clients ask for: a short question, and the conversation of an agent with its tools, each streamed and not."""

import functools
import itertools
import json
from dataclasses import dataclass

MODEL = "bench"
LLAMA_MODEL = "bench-llama"
WORD = b"ord "
"""What every token of the scripted upstream ends with, and nothing else does."""
LARGE = 64 * 1024
KEY = "sk-local-benchmark-key-that-opens-nothing-0123456789"
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
"""What a client of OpenAI's sends along; LiteLLM's proxy wants the key, the others let it pass."""

_SYSTEM = "You are a coding agent. Read before you write, run the tests after every change, and say what you did. "
_CODE = """\
def merge(left: list[int], right: list[int]) -> list[int]:
    \"\"\"Return the items of two sorted lists in one sorted list.\"\"\"
    result, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            result.append(left[i]); i += 1
        else:
            result.append(right[j]); j += 1
    return result + left[i:] + right[j:]  # the rest of one of them: "already sorted" \u2014 so no further work
"""
_TOOLS = ("read_file", "write_file", "list_folder", "search", "run_tests", "run_command", "apply_patch", "ask_user")


@dataclass(frozen=True)
class Workload:
    """One kind of request: its name, the tokens of its answer, and whether it brings a long conversation along."""

    key: str
    title: str
    tokens: int
    stream: bool
    large: bool

    def body(self, model: str = MODEL) -> bytes:
        """Return the request as its client sends it to *model*."""
        return chat_body(model, tokens=self.tokens, stream=self.stream, large=self.large)


@dataclass(frozen=True)
class Scenario:
    """One workload at full speed over a number of keep-alive connections."""

    workload: Workload
    connections: int

    @property
    def key(self) -> str:
        """The name of the scenario in JSON and on the command line."""
        return f"{self.workload.key}_{self.connections}"


WORKLOADS = (
    Workload("whole", "short, JSON", 32, stream=False, large=False),
    Workload("agent_whole", "64 kB, JSON", 500, stream=False, large=True),
    Workload("stream", "short, streamed", 32, stream=True, large=False),
    Workload("agent_stream", "64 kB, streamed", 500, stream=True, large=True),
)
ONE, MANY = 1, 32
SCENARIOS = tuple(Scenario(workload, connections) for workload in WORKLOADS for connections in (MANY, ONE))


@functools.cache
def chat_body(model: str = MODEL, *, tokens: int, stream: bool, large: bool = False, prompt: str = "Hello") -> bytes:
    """Return a chat completion request as OpenAI's client writes it: the messages first, the tools last."""
    request: dict[str, object] = {"messages": [{"role": "user", "content": prompt}], "model": model}
    request["max_tokens"] = tokens
    if stream:
        request["stream"] = True
    if not large:
        return _encode(request)
    request["tools"] = [_tool(name) for name in _TOOLS]
    conversation: list[dict[str, object]] = [{"role": "system", "content": _SYSTEM * 20}]
    last = {"role": "user", "content": "Go on"}
    for number in itertools.count():
        request["messages"] = [*conversation, *_turn(number), last]
        if len(_encode(request)) > LARGE:
            break
        conversation += _turn(number)
    request["messages"] = [*conversation, last]
    last["content"] += "." * (LARGE - len(_encode(request)))
    return _encode(request)


def http_request(body: bytes) -> bytes:
    """Return *body* as the bytes of a POST to the chat completions."""
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in HEADERS.items()),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _tool(name: str) -> dict[str, object]:
    properties = {
        argument: {"type": "string", "description": f"The {argument} for {name.replace('_', ' ')}; never empty."}
        for argument in ("path", "pattern", "content", "reason")
    }
    parameters = {"type": "object", "properties": properties, "required": ["path"], "additionalProperties": False}
    description = f"Use {name} where the task needs it, and nothing else that does the same."
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _turn(number: int) -> list[dict[str, object]]:
    name, path = _TOOLS[number % len(_TOOLS)], f"src/package/module_{number}.py"
    call = {"name": name, "arguments": json.dumps({"path": path, "reason": "to see what merge() does"})}
    calls = [{"id": f"call_{number:08d}", "type": "function", "function": call}]
    result = json.dumps({"path": path, "content": _CODE * 3, "lines": 27})
    return [
        {"role": "user", "content": f"Step {number}: look at {path} and mend what is wrong with it.\n" + _CODE},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": f"call_{number:08d}", "content": result},
    ]
