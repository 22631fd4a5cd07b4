"""instructor, which makes objects of what a model calls or says, over chat completions, Responses and messages."""

import os
from typing import Any

import instructor
import pytest
from anthropic import Anthropic
from openai import OpenAI
from pydantic import BaseModel

URL = os.environ["HOSTD_URL"]
ASKED: Any = [{"role": "user", "content": "How is the weather in 'Oslo'?"}]


class Weather(BaseModel):
    """The place of which it is asked."""

    city: str


def openai(mode: instructor.Mode) -> Any:
    """Return a client over OpenAI's."""
    return instructor.from_openai(OpenAI(base_url=f"{URL}/v1", api_key="unused"), mode=mode)


CLIENTS = {
    "chat": lambda: openai(instructor.Mode.TOOLS),
    "responses": lambda: openai(instructor.Mode.RESPONSES_TOOLS),
    "messages": lambda: instructor.from_anthropic(Anthropic(base_url=URL, api_key="unused")),
}


@pytest.mark.parametrize("dialect", CLIENTS)
def test_an_object(dialect: str) -> None:
    """Is made of a tool's call."""
    limit = {} if dialect == "responses" else {"max_tokens": 100}
    made = CLIENTS[dialect]().create(model="agent", messages=ASKED, response_model=Weather, max_retries=0, **limit)
    assert made.city == "Oslo"


def test_an_object_in_parts() -> None:
    """Grows with its stream."""
    parts = openai(instructor.Mode.TOOLS).create_partial(
        model="agent", messages=ASKED, response_model=Weather, max_retries=0
    )
    assert list(parts)[-1].city == "Oslo"
