"""A server of OpenAI's dialect whose model does one step of an agent's work: it asks for a tool, and answers with its result.

    python scripted_agent.py --port 8080

`POST /script` may say `calls`, the arguments for tools by name, of which the first that a request offers is called; without it the
first tool of all is, with arguments that its schema allows. A tool that takes the final answer is called with it. Where a schema is
asked for, the answer follows it. All faults of `tests.engines.scripted_cloud` work here, too.
`answer` is said in place of its own words.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.engines.core import Json, Wire
from tests.engines.scripted_cloud import CloudJob, Provider, main

GREETING = "Hello, I am a scripted model."
FINAL = ("final_answer", "final_result")
"""Tools by which frameworks have the last word said."""
_OBSERVED = "Observation:"
"""How frameworks that write results of tools as text begin them."""
_QUOTED = r"['\"]([^'\"]+)['\"]"


class AgentJob(CloudJob):
    """One request of an agent, which is for a call, or for the answer."""

    def __init__(self, engine: Provider, wire: Wire, number: int, path: str, body: Json) -> None:
        super().__init__(engine, wire, number, path, body)
        self.call_id = f"call_{number}"
        self.answer, self._called = self._decided() if self.chat else (GREETING, None)
        if self._called is None:
            self.answer = str(self.fault("answer") or self.answer)
        self.words = re.findall(r"\S+\s*|\s+", self.answer)

    @property
    def called(self) -> tuple[str, str] | None:
        """The tool that is called, and the text of its arguments."""
        return self._called

    def fault(self, name: str) -> Any:
        """Return what the plan says; the answer is as long as it is."""
        return len(self.words) if name == "tokens" else super().fault(name)

    def word(self, number: int) -> str:
        """Return a word of the answer."""
        return str(self.words[number])

    def _decided(self) -> tuple[str, tuple[str, str] | None]:
        """Return the answer's text, and the call that comes in its place."""
        offered = {tool["function"]["name"]: tool["function"] for tool in self.body.get("tools") or ()}
        messages, choice = self.body["messages"], self.body.get("tool_choice")
        result, prompt = _result(messages), _prompt(messages)
        if isinstance(choice, dict):
            name = choice["function"]["name"]
            return "", (name, self._arguments(offered[name], prompt, result))
        if (said := _in_form(self.body.get("response_format"), prompt)) is not None:
            return json.dumps(said), None
        said = GREETING if result is None else f"The tool says: {result}"
        if not offered or choice == "none":
            return said, None
        wanted = self.fault("calls") or {}
        if result is None:
            name = next((each for each in wanted if each in offered), next(iter(offered)))
        else:
            name = next((each for each in FINAL if each in offered), "")
        return ("", (name, self._arguments(offered[name], prompt, result and said))) if name else (said, None)

    def _arguments(self, function: Json, prompt: str, said: str | None) -> str:
        wanted = (self.fault("calls") or {}).get(function["name"])
        if wanted is None and said is not None and function["name"] in FINAL:
            wanted = dict.fromkeys(function["parameters"].get("properties", {}), said)
        given = example(function.get("parameters") or {}, prompt) if wanted is None else wanted
        return json.dumps(given, ensure_ascii=False)


def example(schema: Json, prompt: str, definitions: Json | None = None) -> Any:
    """Return a value that *schema* allows; a number is the first in *prompt*, and a text the last of its words in quotes."""
    known = {**(definitions or {}), **schema.get("$defs", {}), **schema.get("definitions", {})}
    if "$ref" in schema:
        return example(known[schema["$ref"].rpartition("/")[2]], prompt, known)
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return example(schema[word][0], prompt, known)
    kind = schema.get("type", "object")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            needed = schema.get("required", [])
            return {
                name: example(each, prompt, known)
                for name, each in schema.get("properties", {}).items()
                if name in needed
            }
        case "array":
            return [example(schema.get("items") or {"type": "string"}, prompt, known)]
        case "integer" | "number":
            return int(next(iter(re.findall(r"\d+", prompt)), 1))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return next(iter(re.findall(_QUOTED, prompt)[::-1]), "Rome")


def _result(messages: list[Json]) -> str | None:
    """Return what the tools have said since the model's last turn; None where they were asked nothing."""
    last = max((at for at, message in enumerate(messages) if message["role"] == "assistant"), default=-1)
    said = [_text(message) for message in messages[last + 1 :] if message["role"] == "tool"]
    said += [
        text.partition(_OBSERVED)[2].strip()
        for message in messages[last + 1 :]
        if message["role"] != "system" and (text := _text(message)).startswith(_OBSERVED)
    ]
    return "\n".join(said) if said else None


def _prompt(messages: list[Json]) -> str:
    return next((_text(message) for message in reversed(messages) if message["role"] == "user"), "")


def _text(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in content)


def _in_form(form: Json | None, prompt: str) -> Any:
    """Return a value of the form that is asked for, None where none is; without a schema, with the names in quotes in *prompt*."""
    if not form or form.get("type") == "text":
        return None
    if form["type"] == "json_schema":
        return example(form["json_schema"]["schema"], prompt)
    return dict.fromkeys(re.findall(_QUOTED, prompt), "Rome")


class Agent(Provider):
    """The server."""

    job = AgentJob


if __name__ == "__main__":
    main(Agent)
