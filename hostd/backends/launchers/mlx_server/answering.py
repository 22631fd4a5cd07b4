"""The request handler: one key, one model, errors in OpenAI's form, and an end to answers whose client disconnected."""

import argparse
import hmac
import importlib.metadata
import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Any, cast

from .refusal import Refusal

_LOOK_EVERY = 0.25
"""Seconds between two looks at the client's connection while no token arrives."""
_PATIENCE = 10.0
"""Seconds in which the generating thread must move to count as running; one step of a long prefill may take most of them."""


class PromptRefused(BaseException):
    """The answer to this request is an error that has been sent; no `Exception`, so that the server does not send another."""


class WatchedGenerator:
    """Between one request and the generator: sees that the client is still connected, and sends its refusal."""

    def __init__(self, generator: Any, handler: Any) -> None:
        self._generator = generator
        self._handler = handler
        self.cli_args = generator.cli_args

    def generate(
        self, request: Any, args: Any, progress_callback: Callable[[int, int], None] | None = None
    ) -> tuple[Any, Iterator[Any]]:
        """Return the context and the tokens of *request*, as the generator's own method does."""
        answers: Queue[Any] = Queue()
        self._generator.requests.put((answers, request, args))
        try:
            first = self._next(answers)
        except ConnectionAbortedError:
            args.abandoned = True
            raise PromptRefused from None
        if isinstance(first, Exception):
            self._handler.refuse(first)
            raise PromptRefused
        return first, self._tokens(answers, progress_callback)

    def _tokens(self, answers: "Queue[Any]", progress: Callable[[int, int], None] | None) -> Iterator[Any]:
        number, counts = id(answers), self._generator.generation
        # Tokens generated, of the prompt read, and of the prompt in the step that is computed now.
        decoded, read, reading = counts[number] = [0, 0, 0]
        try:
            while (item := self._next(answers)) is not None:
                self._generator.pulse += 1
                if isinstance(item, Exception):
                    raise item
                if not isinstance(item, tuple):
                    decoded, reading = decoded + 1, 0
                    counts[number] = [decoded, read, reading]
                    yield item
                    continue
                read, total = item
                reading = max(0, min(total - read, getattr(self.cli_args, "prefill_step_size", None) or total))
                counts[number] = [decoded, read, reading]
                if progress is not None:
                    progress(read, total)
        finally:
            del counts[number]

    def _next(self, answers: "Queue[Any]") -> Any:
        while True:
            if disconnected(self._handler.connection):
                raise ConnectionAbortedError("the client disconnected")
            try:
                return answers.get(timeout=_LOOK_EVERY)
            except Empty:
                continue


def disconnected(connection: socket.socket) -> bool:
    """Return whether the other end has closed *connection*."""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


class Answering:
    """Extends ``APIHandler``: one key, one model, and errors as OpenAI words them."""

    own: argparse.Namespace
    key = ""

    def log_message(self, *_: object) -> None:
        """Log no single requests: a log line would count as progress of a load."""

    def _set_cors_headers(self) -> None:
        """Send no CORS headers, so that no web page can read answers."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Answer the routes that this launcher has, and the server's own health page."""
        mine = cast("Any", self)
        if not self._may():
            return
        if mine.path == "/health":
            healthy = mine.response_generator.is_healthy
            self.answer(200 if healthy else 503, {"status": "ok" if healthy else "loading model"})
        elif mine.path == "/v1/models":
            entry = {"id": self.own.served_model_name, "object": "model", "created": mine.created, "owned_by": "mlx"}
            self.answer(200, {"object": "list", "data": [entry]})
        elif mine.path == "/hostd/slots":
            turning = self._turns()
            self.answer(200 if turning else 503, list(mine.response_generator.generation.values()))
        elif mine.path == "/hostd/facts":
            self.answer(200, facts(mine.response_generator, self.own, importlib.metadata.version("mlx-lm")))
        else:
            self.refuse(Refusal(404, "not_found", f"there is no {mine.path}"))

    def do_POST(self) -> None:  # noqa: N802 - as above
        """Answer a request that has the key."""
        if not self._may():
            return
        if cast("Any", self).path == "/hostd/template":
            self._render()
        else:
            cast("Any", super()).do_POST()

    def _render(self) -> None:
        """Answer with a prompt as the model's template renders it; nothing is generated."""
        mine = cast("Any", self)
        try:
            asked = json.loads(mine.rfile.read(int(mine.headers.get("Content-Length") or 0)))
            tokenizer = mine.response_generator.model_provider.tokenizer
            prompt = tokenizer.apply_chat_template(
                asked["messages"], add_generation_prompt=True, tokenize=False, **asked.get("chat_template_kwargs", {})
            )
        except Exception as error:  # noqa: BLE001 - templates raise what they like
            self.refuse(Refusal(400, "bad_template", f"the template cannot be rendered: {error}"))
        else:
            self.answer(200, {"prompt": prompt})

    def validate_model_parameters(self) -> None:
        """Check the request as the server does, after taking from it what hostd decides."""
        mine = cast("Any", self)
        # A request may name a model, a draft model or an adapter, each of which the server would load from any folder.
        mine.requested_model = self.own.served_model_name
        mine.requested_draft_model = "default_model"
        mine.adapter = None
        # The server reads this key without a default.
        if mine.stream_options is not None:
            mine.stream_options = {"include_usage": False, **mine.stream_options}
        cast("Any", super()).validate_model_parameters()

    def handle_completion(self, request: Any, stop_words: Any) -> None:
        """Answer a request for as long as its client is connected."""
        mine = cast("Any", self)
        mine.response_generator = WatchedGenerator(mine.response_generator, self)
        try:
            cast("Any", super()).handle_completion(request, stop_words)
        except (PromptRefused, ConnectionError):
            mine.close_connection = True

    def _turns(self) -> bool:
        """Return whether the thread that generates does something within `_PATIENCE` from now."""
        generator = cast("Any", self).response_generator
        before, until = generator.pulse, time.monotonic() + _PATIENCE
        while generator.pulse == before and time.monotonic() < until:
            time.sleep(0.01)
        return bool(generator.pulse != before)

    def _may(self) -> bool:
        said = str(cast("Any", self).headers.get("Authorization", ""))
        if not self.key or hmac.compare_digest(said.encode(), f"Bearer {self.key}".encode()):
            return True
        self.refuse(Refusal(401, "invalid_api_key", "the key is missing or wrong"))
        return False

    def refuse(self, error: Exception) -> None:
        """Answer with an error."""
        refusal = error if isinstance(error, Refusal) else Refusal(400, "engine_refused", f"{error}" or repr(error))
        kind = "invalid_request_error" if refusal.status < 500 else "server_error"
        self.answer(refusal.status, {"error": {"message": str(refusal), "type": kind, "code": refusal.code}})

    def answer(self, status: int, content: object) -> None:
        """Answer with a JSON document."""
        mine, data = cast("Any", self), json.dumps(content).encode()
        mine.send_response(status)
        mine.send_header("Content-Type", "application/json")
        mine.send_header("Content-Length", str(len(data)))
        mine.end_headers()
        mine.wfile.write(data)


def facts(generator: Any, own: argparse.Namespace, version: str) -> dict[str, object]:
    """Return what the server can do and what memory it holds."""
    provider, memory = generator.model_provider, generator.memory
    batchable = provider.is_batchable and own.kv_bits is None
    return {
        "version": version,
        "context": provider.context or None,
        "slots": generator.cli_args.decode_concurrency if batchable else 1,
        "tools": bool(provider.tokenizer is not None and provider.tokenizer.has_tool_calling),
        "vision": getattr(provider, "processor", None) is not None,
        "template": getattr(provider.tokenizer, "chat_template", None),
        "active_bytes": memory.get_active_memory(),
        "cached_bytes": memory.get_cache_memory(),
        "past_prompts_bytes": generator.prompt_cache.nbytes,
    }
