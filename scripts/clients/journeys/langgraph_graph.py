"""A graph of LangGraph's own: a node that asks a model, and one that runs the tool that it calls."""

import os

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

URL = os.environ["HOSTD_URL"]
ASKED = {"messages": [{"role": "user", "content": "How is the weather in 'Oslo'?"}]}


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


def graph() -> object:
    """Return the graph, ready to run."""
    model = ChatOpenAI(model="agent", base_url=f"{URL}/v1", api_key="unused").bind_tools([weather])
    built = StateGraph(MessagesState)
    built.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    built.add_node("tools", ToolNode([weather]))
    built.add_edge(START, "model")
    built.add_conditional_edges("model", tools_condition)
    built.add_edge("tools", "model")
    return built.compile()


def test_the_graph_ends_with_the_result() -> None:
    """The model is asked twice: for a call, and for the answer."""
    said = graph().invoke(ASKED)["messages"]
    assert [message.type for message in said] == ["human", "ai", "tool", "ai"]
    assert "rain in Oslo" in said[-1].text


def test_the_graph_streams() -> None:
    """Tokens come as they are made."""
    pieces = [piece.text for piece, _ in graph().stream(ASKED, stream_mode="messages")]
    assert "rain in Oslo" in "".join(pieces[-20:])
