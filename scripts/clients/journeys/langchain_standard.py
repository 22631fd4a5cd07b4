"""LangChain's standard tests of chat models, for the models of three dialects."""

import os

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

URL = os.environ["HOSTD_URL"]


class TestChatOpenAI(ChatModelIntegrationTests):
    """Chat completions."""

    chat_model_class = property(lambda _: ChatOpenAI)
    chat_model_params = property(
        lambda _: {"model": "agent", "base_url": f"{URL}/v1", "api_key": "unused", "stream_usage": True}
    )


class TestChatOpenAIResponses(TestChatOpenAI):
    """Responses."""

    chat_model_params = property(
        lambda _: {"model": "agent", "base_url": f"{URL}/v1", "api_key": "unused", "use_responses_api": True}
    )


class TestChatAnthropic(ChatModelIntegrationTests):
    """Messages."""

    chat_model_class = property(lambda _: ChatAnthropic)
    chat_model_params = property(lambda _: {"model": "agent", "base_url": URL, "api_key": "unused"})


class TestChatOllama(ChatModelIntegrationTests):
    """Ollama."""

    chat_model_class = property(lambda _: ChatOllama)
    chat_model_params = property(lambda _: {"model": "agent", "base_url": URL})
    supports_json_mode = property(lambda _: True)
    # Ollama's dialect has no way to ask for a call.
    has_tool_choice = property(lambda _: False)


assert pytest
