"""A graph of LangGraph's own whose nodes each ask for a role: one plans, one calls a tool, one is routed by what it says."""

import os

import pytest
from langchain_core.messages import AIMessage
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


def model(role: str, *, streaming: bool) -> ChatOpenAI:
    """Return the model of *role*, which says in its headers what has answered."""
    return ChatOpenAI(
        model=role, base_url=f"{URL}/v1", api_key="unused", streaming=streaming, include_response_headers=True
    )


def graph(*, streaming: bool) -> object:
    """Return the graph, ready to run."""
    planner, engineer, auto = (model(role, streaming=streaming) for role in ("planner", "engineer", "auto"))
    with_tool, routed = engineer.bind_tools([weather]), auto.bind_tools([weather])
    built = StateGraph(MessagesState)
    built.add_node("plan", lambda state: {"messages": [planner.invoke(state["messages"])]})
    built.add_node(
        "work", lambda state: {"messages": [with_tool.invoke(state["messages"][:1] + state["messages"][2:])]}
    )
    built.add_node("tools", ToolNode([weather]))
    built.add_node("check", lambda state: {"messages": [routed.invoke(state["messages"][:1])]})
    built.add_edge(START, "plan")
    built.add_edge("plan", "work")
    built.add_conditional_edges("work", tools_condition, {"tools": "tools", "__end__": "check"})
    built.add_edge("tools", "work")
    return built.compile()


@pytest.mark.parametrize("streaming", [False, True])
def test_each_node_is_answered_by_its_role(streaming: bool) -> None:
    """The planner by one model, who works with tools by another, and who is routed by a rule by that, too."""
    said = graph(streaming=streaming).invoke(ASKED)["messages"]
    answers = [message for message in said if isinstance(message, AIMessage)]
    models = [answer.response_metadata["headers"]["x-hostd-model"] for answer in answers]
    assert models == ["agent-model", "second-model", "second-model", "second-model"]
    assert answers[-1].response_metadata["headers"]["x-hostd-routed-by"].startswith("rule 1")
    assert "rain in Oslo" in answers[2].text
