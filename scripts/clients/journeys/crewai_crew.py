"""A crew of one, over three of CrewAI's providers, and a stream."""

import os

import pytest
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool

URL = os.environ["HOSTD_URL"]
MODELS = {
    "chat": {"model": "openai/agent", "base_url": f"{URL}/v1"},
    "messages": {"model": "anthropic/claude-sonnet-5", "base_url": URL},
    "ollama": {"model": "ollama/agent", "base_url": URL},
}


@tool("weather")
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_a_crew_uses_its_tool(name: str, stream: bool) -> None:
    """The tool's result is in the answer."""
    llm = LLM(api_key="unused", stream=stream, **MODELS[name])
    one = Agent(role="reporter", goal="tell the weather", backstory="You are brief.", tools=[weather], llm=llm)
    task = Task(description="How is the weather in 'Oslo'?", expected_output="one line", agent=one)
    assert "rain in" in str(Crew(agents=[one], tasks=[task]).kickoff())
