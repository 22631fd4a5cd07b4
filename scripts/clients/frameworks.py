"""Frameworks that agents are built with: each has an environment of its own, pinned, and journeys through its own classes."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.vendor_suites import Outcome, run_pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ROOT / ".frameworks"
JOURNEYS = Path(__file__).with_name("journeys")
_PYTEST = ("pytest==9.2.0", "pytest-asyncio==1.5.0", "pytest-socket==0.8.1")
ENVIRONMENTS = {
    "langchain": (
        *("langchain==1.5.2", "langgraph==1.2.24", "langchain-openai==1.7.4", "langchain-anthropic==1.7.10"),
        *("langchain-ollama==1.1.0", "langchain-tests==1.1.9"),
    ),
    "openai-agents": ("openai-agents==0.24.0",),
    "pydantic-ai": ("pydantic-ai-slim[openai,anthropic]==2.68.0",),
    "llama-index": (
        *("llama-index-core==0.14.25", "llama-index-llms-openai-like==0.8.1", "llama-index-llms-ollama==0.11.0"),
    ),
    "smolagents": ("smolagents[openai]==1.26.0",),
    "crewai": ("crewai[anthropic]==1.15.30",),
    "litellm": ("litellm==1.110.2", "instructor==1.17.0", "anthropic==1.17.0"),
}
"""What is pinned in each environment."""
# One loop for all tests: the frameworks keep connections.
_ONE_LOOP = ("-o", "asyncio_default_fixture_loop_scope=session", "-o", "asyncio_default_test_loop_scope=session")
_SETTINGS = {
    "OPENAI_API_KEY": "unused",
    "ANTHROPIC_API_KEY": "unused",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "OTEL_SDK_DISABLED": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "LANGSMITH_TRACING": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
"""Nothing of what is done here is told to anyone."""


@dataclass(frozen=True)
class Framework:
    """A framework: its *environment*, the *package* there that has its version, and its journey's file."""

    client: str
    suite: str
    environment: str
    package: str
    journey: str
    without: str = ""

    @property
    def version(self) -> str:
        """The version that is pinned."""
        pins = (pin.split("==") for pin in ENVIRONMENTS[self.environment])
        return next(number for name, number in pins if name.partition("[")[0] == self.package)

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return INSTALLED / self.environment / "bin/python"

    def install(self) -> str | None:
        """Make its environment, if it is not there as it is pinned; return what went wrong."""
        pins = (*ENVIRONMENTS[self.environment], *_PYTEST)
        folder = INSTALLED / self.environment
        stamp = folder / "pinned.txt"
        if stamp.exists() and stamp.read_text("utf-8").split() == list(pins):
            return None
        print(f"Installing {', '.join(pins)} into {folder.relative_to(ROOT)} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        argv = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        if done.returncode:
            return f"not installed: {done.stderr.strip()[-200:]}"
        stamp.write_text("\n".join(pins), "utf-8")
        return None

    def run(self, url: str, home: Path) -> Outcome:
        """Run its journey against the daemon at *url*; what it writes into a home goes to *home*."""
        environment = _SETTINGS | {"HOSTD_URL": url, "HOME": str(home), "PYTHONPATH": ""}
        file = str(JOURNEYS / f"{self.journey}.py")
        chosen = (file, "--noconftest", "--rootdir", str(JOURNEYS), "-c", os.devnull, "-W", "ignore", *_ONE_LOOP)
        return run_pytest(self.python, chosen, home, environment)


FRAMEWORKS = (
    Framework(
        "LangChain",
        "agents over ChatOpenAI (chat completions, Responses), ChatAnthropic and ChatOllama",
        "langchain",
        "langchain",
        "langchain_agents",
    ),
    Framework(
        "langchain-tests",
        "standard tests of ChatOpenAI (chat completions, Responses), ChatAnthropic and ChatOllama",
        "langchain",
        "langchain-tests",
        "langchain_standard",
        "what the models' classes say they cannot do",
    ),
    Framework("LangGraph", "a graph with a tool node", "langchain", "langgraph", "langgraph_graph"),
    Framework("LangGraph", "a graph of several roles", "langchain", "langgraph", "langgraph_roles"),
    Framework(
        "OpenAI Agents SDK",
        "agents over Responses and chat completions",
        "openai-agents",
        "openai-agents",
        "openai_agents_sdk",
    ),
    Framework(
        "pydantic-ai",
        "agents over chat completions, Responses, messages and OllamaProvider",
        "pydantic-ai",
        "pydantic-ai-slim",
        "pydantic_ai_agents",
    ),
    Framework(
        "LlamaIndex", "agents over OpenAILike and Ollama", "llama-index", "llama-index-core", "llama_index_agents"
    ),
    Framework("smolagents", "an agent over OpenAIServerModel", "smolagents", "smolagents", "smolagents_agents"),
    Framework("CrewAI", "a crew over openai/, anthropic/ and ollama/", "crewai", "crewai", "crewai_crew"),
    Framework("CrewAI", "a crew of several roles", "crewai", "crewai", "crewai_roles"),
    Framework(
        "LiteLLM",
        "openai/, hosted_vllm/, lm_studio/, llamafile/, anthropic/ and ollama_chat/",
        "litellm",
        "litellm",
        "litellm_providers",
    ),
    Framework(
        "instructor",
        "objects over chat completions, Responses and messages",
        "litellm",
        "instructor",
        "instructor_models",
    ),
)
