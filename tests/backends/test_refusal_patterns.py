"""Each engine's words for a client's mistake are known, and those for its own troubles are not taken for one."""

import pytest

from hostd.backends.attached.engine import Attached
from hostd.backends.contract import Backend
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.mlx.engine import Mlx
from hostd.backends.ollama.engine import Ollama
from hostd.backends.refusal_patterns import RefusalClass, RefusalPatterns
from hostd.backends.vllm.engine import Vllm

TOO_LONG, UNFIT, MALFORMED = "context_length_exceeded", "unfit", "engine_refused"
SAID: list[tuple[type[Backend], str, str]] = [
    (LlamaCpp, "input (6002 tokens) is too large to process. increase the physical batch size (current batch size: 2)", TOO_LONG),
    (LlamaCpp, "input is too large to process. increase the physical batch size", TOO_LONG),
    (LlamaCpp, "input is larger than the max context size. skipping", TOO_LONG),
    (LlamaCpp, "the request exceeds the available context size, try increasing it", TOO_LONG),
    (LlamaCpp, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", UNFIT),
    (LlamaCpp, "audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj", UNFIT),
    (LlamaCpp, "This server does not support embeddings. Start it with `--embeddings`", UNFIT),
    (LlamaCpp, "tools param requires --jinja flag", UNFIT),
    (LlamaCpp, "Jinja Exception: System message must be at the beginning", MALFORMED),
    (LlamaCpp, "Failed to parse grammar", MALFORMED),
    (LlamaCpp, "Failed to parse tools: Missing tool function", MALFORMED),
    (LlamaCpp, "Failed to parse messages: [json.exception.type_error.302] type must be string", MALFORMED),
    (LlamaCpp, "Failed to initialize samplers: failed to parse grammar", MALFORMED),
    (LlamaCpp, "JSON schema conversion failed:\nUnrecognized schema: 5", MALFORMED),
    (LlamaCpp, "[json.exception.type_error.302] type must be string, but is number", MALFORMED),
    (Vllm, "This model's maximum context length is 512 tokens. However, you requested 600 tokens", TOO_LONG),
    (Vllm, "BLACK-LM is not a multimodal model", UNFIT),
    (Vllm, "At most 0 image(s) may be provided in one prompt.", UNFIT),
    (Vllm, "The model does not support Embeddings API", UNFIT),
    (Vllm, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', UNFIT),
    (Vllm, "At most 4 image(s) may be provided in one prompt.", MALFORMED),
    (Vllm, "cannot identify image file <_io.BytesIO object at 0x7f>", MALFORMED),
    (Ollama, "the input length exceeds the context length", TOO_LONG),
    (Ollama, "registry.ollama.ai/library/gemma3:4b does not support tools", UNFIT),
    (Ollama, "this model is missing data required for image input", UNFIT),
    (Ollama, '"nomic-embed-text" does not support chat', UNFIT),
    (Ollama, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", UNFIT),
    (Ollama, "This server does not support embeddings. Start it with `--embeddings`", UNFIT),
    (Ollama, "JSON schema error at #: unrecognized type nonsense", MALFORMED),
    (Ollama, "Failed to initialize samplers: failed to parse grammar", MALFORMED),
    (Ollama, "failed to load model vocabulary required for format", MALFORMED),
    (Mlx, "Only 'text' content type is supported.", UNFIT),
    (Mlx, "jinja2.exceptions.TemplateError: Conversation roles must alternate user/assistant/user/assistant/...", MALFORMED),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "message", "code"), SAID)
def test_knows_the_words_of_each_engine(engine: type[Backend], message: str, code: str) -> None:
    """Of an attached server nobody knows which it is."""
    for backend in (engine(), Attached()):
        found = backend.refusal(message)
        assert found is not None
        assert (400, code, message) == (found.status, found.code, found.message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Internal Server Error",
        "EngineCore encountered an issue. See stack trace (above) for the root cause.",
        "CUDA error: out of memory",
        "model runner has unexpectedly stopped, this may be due to resource limitations",
        "slot unavailable",
        "Compute error.",
        "llama_decode failed, ret = -3",
        "Loading model",
        "the server is busy, try again later",
        "Context size has been exceeded.",
        "failed to find a memory slot for batch of size 512",
    ],
)
@pytest.mark.parametrize("engine", [LlamaCpp, Vllm, Ollama, Mlx, Attached])
def test_an_engines_own_trouble_is_no_mistake_of_the_client(engine: type[Backend], message: str) -> None:
    """The context may be full for the sake of others: another try may help, or another model."""
    assert engine().refusal(message) is None


def test_the_first_row_wins() -> None:
    """Whatever the letters' size."""
    table = RefusalPatterns((RefusalClass.UNFIT, "picture"), (RefusalClass.MALFORMED, "odd"))
    for message, code in (("an odd PICTURE", UNFIT), ("odd", MALFORMED)):
        found = table.find(message)
        assert found is not None
        assert code == found.code
    assert table.find("else") is None is RefusalPatterns().find("odd")
