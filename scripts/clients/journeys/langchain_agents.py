"""LangChain's chat models, each with a tool and as a stream; LangGraph's prebuilt agent with them."""

import os

import pytest
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import tool
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

URL = os.environ["HOSTD_URL"]
ASKED = {"messages": [{"role": "user", "content": "How is the weather in 'Oslo'?"}]}
MODELS = {
    "chat": lambda: ChatOpenAI(model="agent", base_url=f"{URL}/v1", api_key="unused", stream_usage=True),
    "responses": lambda: ChatOpenAI(model="agent", base_url=f"{URL}/v1", api_key="unused", use_responses_api=True),
    "messages": lambda: ChatAnthropic(model="agent", base_url=URL, api_key="unused"),
    "ollama": lambda: ChatOllama(model="agent", base_url=URL, validate_model_on_init=True),
}


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> BaseChatModel:
    """A model in each dialect."""
    return MODELS[request.param]()


def test_an_agent_uses_its_tool(model: BaseChatModel) -> None:
    """The tool's result is in the answer."""
    said = create_agent(model, [weather]).invoke(ASKED)
    assert "rain in Oslo" in said["messages"][-1].text


def test_an_agent_streams(model: BaseChatModel) -> None:
    """The tokens of a graph's last node add up to its answer."""
    pieces = [
        piece.text
        for piece, about in create_agent(model, [weather]).stream(ASKED, stream_mode="messages")
        if isinstance(piece, AIMessageChunk) and about["langgraph_node"] == "model"
    ]
    assert "rain in Oslo" in "".join(pieces)
    assert len(pieces) > 1


def test_usage_is_told(model: BaseChatModel) -> None:
    """Of a whole answer and of a stream."""
    whole = model.invoke("Hello").usage_metadata
    *_, last = (piece for piece in model.stream("Hello") if piece.usage_metadata)
    assert whole["output_tokens"] > 0
    assert last.usage_metadata["output_tokens"] > 0
