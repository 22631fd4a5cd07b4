"""The official client, unchanged, and its own test suite."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.journeys.host import Host, profile, serving

SUITE = Path(__file__).parents[2] / ".cache" / f"openai-{openai.__version__}"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a chat model that answers to the names of OpenAI's, and one that makes embeddings."""
    folder = tmp_path_factory.mktemp("clients")
    vectors = {"args": {"threads": 1, "pooling": "mean"}, "capabilities": {"embeddings": True}}
    with serving(
        folder, profile("chat", aliases=["gpt-*"]), profile("org/vectors", "tiny-story.gguf", **vectors)
    ) as running:
        yield running


@pytest.fixture
def client(host: Host) -> Iterator[openai.OpenAI]:
    """The official client."""
    with openai.OpenAI(base_url=host.url + "/v1", api_key="unused") as made:
        yield made


def test_chat(client: openai.OpenAI) -> None:
    """A chat completion is answered by the model behind the alias, with usage."""
    said = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Hello, who are you?"}], temperature=0, max_tokens=48
    )
    assert "Tiny" in (said.choices[0].message.content or "")
    assert "chat" == said.model
    assert said.usage is not None
    assert said.usage.completion_tokens > 0


def test_streaming_chat(client: openai.OpenAI) -> None:
    """The chunks of a stream add up to the same text as the answer in one piece."""
    asked = {"model": "chat", "temperature": 0, "max_tokens": 32, "seed": 1}
    messages = [{"role": "user", "content": "Count from 1 to 9."}]
    whole = client.chat.completions.create(messages=messages, **asked)  # type: ignore[call-overload]
    stream = client.chat.completions.create(
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
        **asked,  # type: ignore[call-overload]
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert whole.choices[0].message.content == text
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens


def test_embeddings(client: openai.OpenAI) -> None:
    """Embeddings come in both encodings, alike, under a name with a slash."""
    default = client.embeddings.create(model="org/vectors", input=["one", "two"])
    floats = client.embeddings.create(model="org/vectors", input=["one", "two"], encoding_format="float")
    assert 2 == len(default.data)
    assert floats.data[0].embedding == pytest.approx(default.data[0].embedding, abs=1e-5)
    assert "org/vectors" == default.model


def test_models(client: openai.OpenAI) -> None:
    """The models are listed and can be looked up one by one."""
    assert ["chat", "org/vectors"] == [model.id for model in client.models.list()]
    assert "org/vectors" == client.models.retrieve("org/vectors").id


def test_unknown_model(client: openai.OpenAI) -> None:
    """A misspelt model is the client's NotFoundError, with the nearest name."""
    with pytest.raises(openai.NotFoundError, match="did you mean 'org/vectors'") as raised:
        client.models.retrieve("org/vector")
    assert "model_not_found" == raised.value.code


@pytest.mark.slow
def test_own_suite(host: Host) -> None:
    """openai-python's own tests of chat completions pass against hostd, with strict and loose validation."""
    if not (SUITE / "tests").is_dir():
        pytest.skip(f"the source archive of openai {openai.__version__} is not in .cache; scripts/test fetches it")
    argv = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider"]
    chosen = ["tests/api_resources/chat/test_completions.py", "-k", "create and not stored"]
    env = os.environ | {"TEST_API_BASE_URL": host.url + "/v1"}
    ran = subprocess.run([*argv, *chosen], cwd=SUITE, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == ran.returncode, ran.stdout[-3000:]
    assert "passed" in ran.stdout
