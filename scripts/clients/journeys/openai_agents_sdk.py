"""OpenAI's Agents SDK, over Responses and over chat completions, whole and as a stream."""

import os

import pytest
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

URL = os.environ["HOSTD_URL"]
ASKED = "How is the weather in 'Oslo'?"
set_tracing_disabled(disabled=True)


@function_tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


@pytest.fixture(params=[OpenAIResponsesModel, OpenAIChatCompletionsModel])
def agent(request: pytest.FixtureRequest) -> Agent:
    """An agent in each dialect."""
    client = AsyncOpenAI(base_url=f"{URL}/v1", api_key="unused")
    return Agent(name="a", instructions="Be brief.", tools=[weather], model=request.param("agent", client))


async def test_an_agent_uses_its_tool(agent: Agent) -> None:
    """The tool's result is in the answer."""
    assert "rain in Oslo" in (await Runner.run(agent, ASKED)).final_output


async def test_an_agent_streams(agent: Agent) -> None:
    """Deltas add up to the answer."""
    running = Runner.run_streamed(agent, ASKED)
    deltas = [
        event.data.delta
        async for event in running.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    assert running.final_output == "".join(deltas)
    assert "rain in Oslo" in running.final_output
