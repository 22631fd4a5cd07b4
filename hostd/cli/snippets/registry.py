"""The snippets that there are."""

from hostd.cli.snippets.python_frameworks import (
    CREWAI,
    LANGCHAIN,
    LANGGRAPH,
    LLAMA_INDEX,
    OPENAI_AGENTS,
    PYDANTIC_AI,
    SMOLAGENTS,
)
from hostd.cli.snippets.settings_files import CONTINUE, NODE_LLAMA_CPP, OPENCLAW, ZED
from hostd.cli.snippets.settings_pages import CLINE, HOME_ASSISTANT, MSTY, OPEN_WEBUI

_FRAMEWORKS = (LANGCHAIN, CREWAI, LANGGRAPH, OPENAI_AGENTS, PYDANTIC_AI, LLAMA_INDEX, SMOLAGENTS)
_PROGRAMS = (OPENCLAW, HOME_ASSISTANT, ZED, CONTINUE, CLINE, OPEN_WEBUI, MSTY, NODE_LLAMA_CPP)

SNIPPETS = {snippet.name: snippet for snippet in (*_FRAMEWORKS, *_PROGRAMS)}
"""By the name that is typed."""
