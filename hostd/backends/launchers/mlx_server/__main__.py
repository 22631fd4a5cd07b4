"""The program: hostd's flags and the server's own, and the server started with its classes extended."""

import argparse
import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .answering import Answering
from .generating import Guarded, OneModel, end, say

KEY_VARIABLE = "HOSTD_ENGINE_KEY"

TUNED = ("decode_concurrency", "prompt_concurrency", "prefill_step_size", "prompt_cache_size", "kv_bits")
"""Settings of the server that hostd makes; a build that does not know one does without it."""

NEEDED = (
    "ModelProvider.load_default",
    "ResponseGenerator._generate",
    "ResponseGenerator._next_request",
    "ResponseGenerator._tokenize",
    "ResponseGenerator.generation_available",
    "APIHandler.handle_completion",
    "APIHandler.validate_model_parameters",
    "LRUPromptCache.trim_to",
    "_run_http_server",
    "run",
)
"""What of the server is extended here; its insides may change with any release."""


def arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return what hostd says to this launcher, and the words that are for the server."""
    parser = argparse.ArgumentParser(prog="mlx_server", allow_abbrev=False)
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--context", type=int, default=0, help="tokens of one request; 0: the model's own")
    parser.add_argument("--memory-limit", type=int, default=0, help="bytes; 0: none")
    parser.add_argument("--cache-limit", type=int, default=0, help="bytes of freed buffers that are kept; 0: MLX's own")
    parser.add_argument("--prompt-cache-bytes", type=int, default=None)
    for name in TUNED:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=None)
    return parser.parse_known_args(argv)


def tune(args: argparse.Namespace, own: argparse.Namespace) -> None:
    """Make hostd's settings on the server's own *args*, those that this build has."""
    for name in TUNED:
        if (value := getattr(own, name)) is None:
            continue
        if hasattr(args, name):
            setattr(args, name, value)
        else:
            say(f"warning: this mlx-lm does not know --{name.replace('_', '-')}, so it was left out")


def serve(upstream: Any, memory: Any, own: argparse.Namespace, key: str) -> Callable[..., None]:
    """Return what takes the place of the server's ``run``."""

    def run(host: str, port: int, provider: Any) -> None:
        tune(provider.cli_args, own)
        if own.memory_limit:
            memory.set_memory_limit(own.memory_limit)
        if own.cache_limit:
            memory.set_cache_limit(own.cache_limit)
        extra: dict[str, object] = {"own": own, "memory": memory, "generation": {}}
        generator = type("Generator", (Guarded, upstream.ResponseGenerator), extra)
        handler = type("Handler", (Answering, upstream.APIHandler), {"own": own, "key": key})
        most = {} if own.prompt_cache_bytes is None else {"max_bytes": own.prompt_cache_bytes}
        past = upstream.LRUPromptCache(provider.cli_args.prompt_cache_size, **most)
        try:
            upstream._run_http_server(host, port, generator(provider, past), handler_class=handler)  # noqa: SLF001
        except OSError as error:
            end(f"exiting: cannot listen on port {port}: {error}")

    return run


def main(argv: Sequence[str], key: str) -> None:
    """Serve until a signal ends the process.

    Raises:
        SystemExit: The flags are bad, or mlx-lm is missing or too old; the last line says which.
    """
    own, rest = arguments(argv)
    try:
        upstream: Any = importlib.import_module("mlx_lm.server")
        memory: Any = importlib.import_module("mlx.core")
    except ImportError as error:
        raise SystemExit(f"exiting: this Python cannot import mlx-lm: {error}") from error
    if missing := [name for name in NEEDED if not known(upstream, name)]:
        raise SystemExit(
            f"exiting: this mlx-lm ({importlib.metadata.version('mlx-lm')}) has no {', '.join(missing)}; "
            "install the release that hostd was tested with: pip install 'mlx-lm==0.32.2'"
        )
    upstream.ModelProvider = type("Provider", (OneModel, upstream.ModelProvider), {"own": own})
    upstream.run = serve(upstream, memory, own, key)
    sys.argv = ["mlx_lm.server", *rest]
    upstream.main()


def known(upstream: Any, name: str) -> bool:
    """Return whether the server has what the dotted *name* says."""
    for part in name.split("."):
        upstream = getattr(upstream, part, None)
    return upstream is not None


if __name__ == "__main__":
    main(sys.argv[1:], os.environ.get(KEY_VARIABLE, ""))
