"""LlamaIndex's function agent over OpenAI's and Ollama's dialects, and streams of both."""

import os

import pytest
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.llms import LLM
from llama_index.llms.ollama import Ollama
from llama_index.llms.openai_like import OpenAILike

URL = os.environ["HOSTD_URL"]
ASKED = "How is the weather in 'Oslo'?"
MODELS = {
    "chat": lambda: OpenAILike(
        model="agent", api_base=f"{URL}/v1", api_key="unused", is_chat_model=True, is_function_calling_model=True
    ),
    "ollama": lambda: Ollama(model="agent", base_url=URL),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> LLM:
    """A model in each dialect."""
    return MODELS[request.param]()


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


async def test_an_agent_uses_its_tool(model: LLM) -> None:
    """The tool's result is in the answer, and in the stream."""
    running = FunctionAgent(tools=[weather], llm=model, system_prompt="Be brief.").run(ASKED)
    deltas = [event.delta async for event in running.stream_events() if isinstance(event, AgentStream)]
    assert "rain in Oslo" in str(await running)
    assert "rain in Oslo" in "".join(deltas)


def test_a_completion(model: LLM) -> None:
    """Whole and as a stream, they say the same."""
    whole = model.complete("Hello").text
    assert whole == "".join(piece.delta or "" for piece in model.stream_complete("Hello"))
