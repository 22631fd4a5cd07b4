"""pydantic-ai's agents over three dialects, with a tool, a typed answer, and as a stream."""

import os

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai import OpenAIProvider

URL = os.environ["HOSTD_URL"]
ASKED = "How is the weather in 'Oslo'?"
OPENAI = {"base_url": f"{URL}/v1", "api_key": "unused"}
MODELS = {
    "chat": lambda: OpenAIChatModel("agent", provider=OpenAIProvider(**OPENAI)),
    "responses": lambda: OpenAIResponsesModel("agent", provider=OpenAIProvider(**OPENAI)),
    "messages": lambda: AnthropicModel("agent", provider=AnthropicProvider(base_url=URL, api_key="unused")),
    "ollama": lambda: OpenAIChatModel("agent", provider=OllamaProvider(base_url=f"{URL}/v1", api_key="unused")),
}


class Report(BaseModel):
    """What is asked for."""

    city: str
    degrees: int


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> object:
    """A model in each dialect."""
    return MODELS[request.param]()


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


async def test_an_agent_uses_its_tool(model: object) -> None:
    """The tool's result is in the answer."""
    assert "rain in Oslo" in (await Agent(model, tools=[weather]).run(ASKED)).output


async def test_an_agent_streams(model: object) -> None:
    """Deltas add up to the answer."""
    async with Agent(model, tools=[weather]).run_stream(ASKED) as running:
        deltas = [delta async for delta in running.stream_text(delta=True)]
    assert "rain in Oslo" in "".join(deltas)


async def test_a_typed_answer(model: object) -> None:
    """Is asked for as a tool's call."""
    said = (await Agent(model, output_type=Report).run("It is 7 degrees in 'Oslo'.")).output
    assert said == Report(city="Oslo", degrees=7)
