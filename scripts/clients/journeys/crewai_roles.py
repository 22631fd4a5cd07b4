"""A crew of CrewAI's own, each of whose agents asks for a role of hostd."""

import os

from crewai import LLM, Agent, Crew, Process, Task
from crewai.tools import tool

URL = os.environ["HOSTD_URL"]


@tool("weather")
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


def member(role: str, *tools: object) -> Agent:
    """Return the agent of *role*."""
    llm = LLM(model=f"openai/{role}", base_url=f"{URL}/v1", api_key="unused")
    return Agent(role=role, goal="tell the weather", backstory="You are brief.", tools=list(tools), llm=llm)


def test_each_agent_is_answered_by_its_role() -> None:
    """Three of them, one after another; the tool's result is in what they come to."""
    members = [member("planner"), member("engineer", weather), member("auto", weather)]
    tasks = [
        Task(description="How is the weather in 'Oslo'?", expected_output="one line", agent=each) for each in members
    ]
    done = Crew(agents=members, tasks=tasks, process=Process.sequential).kickoff()
    assert len(done.tasks_output) == 3
    assert "rain in" in str(done)
