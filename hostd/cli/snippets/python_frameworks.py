"""Snippets for agent frameworks in Python: a model with one tool. Tests run each with the versions that its first line names."""

from hostd.cli.snippets.snippet import Language, Snippet

_FILE = "a Python file"

LANGCHAIN = Snippet(
    "langchain",
    "LangChain",
    Language.PYTHON,
    _FILE,
    '''\
# pip install "langchain==1.5.*" "langchain-openai==1.7.*"
import os

from langchain.agents import create_agent
from langchain.tools import tool
from langchain_openai import ChatOpenAI

key = os.environ.get("HOSTD_API_KEY", "@KEY@")
model = ChatOpenAI(model="@MODEL@", base_url="@OPENAI_URL@", api_key=key)


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It rains in {city}."


agent = create_agent(model, tools=[weather])
answer = agent.invoke({"messages": [{"role": "user", "content": "What is the weather in 'Rome'?"}]})
print(answer["messages"][-1].content)
''',
)

LANGGRAPH = Snippet(
    "langgraph",
    "LangGraph",
    Language.PYTHON,
    _FILE,
    '''\
# pip install "langgraph==1.2.*" "langchain-openai==1.7.*"
import os

from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It rains in {city}."


key = os.environ.get("HOSTD_API_KEY", "@KEY@")
model = ChatOpenAI(model="@MODEL@", base_url="@OPENAI_URL@", api_key=key).bind_tools([weather])


def ask(state: MessagesState) -> dict:
    return {"messages": [model.invoke(state["messages"])]}


graph = StateGraph(MessagesState)
graph.add_node("ask", ask)
graph.add_node("tools", ToolNode([weather]))
graph.add_edge(START, "ask")
graph.add_conditional_edges("ask", tools_condition)
graph.add_edge("tools", "ask")
answer = graph.compile().invoke({"messages": [("user", "What is the weather in 'Rome'?")]})
print(answer["messages"][-1].content)
''',
)

CREWAI = Snippet(
    "crewai",
    "CrewAI",
    Language.PYTHON,
    _FILE,
    '''\
# pip install "crewai==1.15.*"
import os

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool

key = os.environ.get("HOSTD_API_KEY", "@KEY@")
llm = LLM(model="openai/@MODEL@", base_url="@OPENAI_URL@", api_key=key)


@tool("weather")
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It rains in {city}."


reporter = Agent(role="Reporter", goal="Tell the weather", backstory="You ask your tools.", tools=[weather], llm=llm)
report = Task(description="What is the weather in 'Rome'?", expected_output="One sentence.", agent=reporter)
print(Crew(agents=[reporter], tasks=[report]).kickoff())
''',
)

OPENAI_AGENTS = Snippet(
    "openai-agents",
    "OpenAI Agents SDK",
    Language.PYTHON,
    _FILE,
    '''\
# pip install "openai-agents==0.24.*"
import os

from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)  # else what is said here goes to OpenAI as a trace
key = os.environ.get("HOSTD_API_KEY", "@KEY@")
client = AsyncOpenAI(base_url="@OPENAI_URL@", api_key=key)
model = OpenAIResponsesModel(model="@MODEL@", openai_client=client)


@function_tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It rains in {city}."


agent = Agent(name="Reporter", instructions="Tell the weather.", model=model, tools=[weather])
print(Runner.run_sync(agent, "What is the weather in 'Rome'?").final_output)
''',
)

PYDANTIC_AI = Snippet(
    "pydantic-ai",
    "Pydantic AI",
    Language.PYTHON,
    _FILE,
    '''\
# pip install "pydantic-ai-slim[openai]==2.68.*"
import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

key = os.environ.get("HOSTD_API_KEY", "@KEY@")
model = OpenAIChatModel("@MODEL@", provider=OpenAIProvider(base_url="@OPENAI_URL@", api_key=key))
agent = Agent(model)


@agent.tool_plain
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It rains in {city}."


print(agent.run_sync("What is the weather in 'Rome'?").output)
''',
)

LLAMA_INDEX = Snippet(
    "llama-index",
    "LlamaIndex",
    Language.PYTHON,
    _FILE,
    '''\
# pip install "llama-index-core==0.14.*" "llama-index-llms-openai-like==0.8.*"
import asyncio
import os

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model="@MODEL@",
    api_base="@OPENAI_URL@",
    api_key=os.environ.get("HOSTD_API_KEY", "@KEY@"),
    context_window=@CONTEXT@,
    is_chat_model=True,
    is_function_calling_model=True,
)


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It rains in {city}."


async def main() -> None:
    agent = FunctionAgent(tools=[weather], llm=llm)
    print(await agent.run("What is the weather in 'Rome'?"))


asyncio.run(main())
''',
)

SMOLAGENTS = Snippet(
    "smolagents",
    "smolagents",
    Language.PYTHON,
    _FILE,
    '''\
# pip install "smolagents[openai]==1.26.*"
import os

from smolagents import OpenAIModel, ToolCallingAgent, tool

key = os.environ.get("HOSTD_API_KEY", "@KEY@")
model = OpenAIModel(model_id="@MODEL@", api_base="@OPENAI_URL@", api_key=key)


@tool
def weather(city: str) -> str:
    """Tell the weather of a city.

    Args:
        city: The name of the city.
    """
    return f"It rains in {city}."


agent = ToolCallingAgent(tools=[weather], model=model)
print(agent.run("What is the weather in 'Rome'?"))
''',
)
