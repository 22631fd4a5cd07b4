"""smolagents' agent that calls tools, whole and as a stream."""

import os

from smolagents import OpenAIServerModel, ToolCallingAgent, tool

URL = os.environ["HOSTD_URL"]
ASKED = "How is the weather in 'Oslo'?"


@tool
def weather(city: str) -> str:
    """Tell the weather of a city.

    Args:
        city: Its name.
    """
    return f"rain in {city}"


def agent(**more: object) -> ToolCallingAgent:
    """Return an agent."""
    model = OpenAIServerModel(model_id="agent", api_base=f"{URL}/v1", api_key="unused")
    return ToolCallingAgent(tools=[weather], model=model, max_steps=3, **more)


def test_an_agent_uses_its_tool() -> None:
    """The tool's result is in the answer."""
    assert "rain in" in str(agent().run(ASKED))


def test_an_agent_streams() -> None:
    """What it does comes as it is done."""
    *_, last = agent(stream_outputs=True).run(ASKED, stream=True)
    assert "rain in" in str(last.output)
