"""A text that a model's address and name are filled into."""

import json
from dataclasses import dataclass
from enum import StrEnum

from hostd.cli.agents.agent_program import PLACEHOLDER_KEY, ModelAddress

OWN_KEY = "YOUR_HOSTD_KEY"
"""What stands in a snippet where a key of its user's belongs: a printed key would be read by whoever sees the screen."""


class Language(StrEnum):
    """What a snippet is written in; ``steps`` are for a person."""

    PYTHON = "python"
    JAVASCRIPT = "javascript"
    JSON = "json"
    YAML = "yaml"
    STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A snippet for *title*: *place* says where it goes.

    *template* has these words in it, inside quotation marks except for the numbers: URL, OPENAI_URL, MODEL, KEY, CONTEXT
    and OUTPUT, each between two ``@``.
    """

    name: str
    title: str
    language: Language
    place: str
    template: str

    def text(self, model: ModelAddress) -> str:
        """Return the snippet for *model*."""
        words = {
            "URL": model.url,
            "OPENAI_URL": model.openai_url,
            "MODEL": model.model,
            "KEY": PLACEHOLDER_KEY if model.key is None else OWN_KEY,
            "CONTEXT": str(model.told_context),
            "OUTPUT": str(model.told_context // 4),
        }
        text = self.template
        for word, value in words.items():
            # A name with a quotation mark is escaped alike in all these languages.
            text = text.replace(f"@{word}@", value if self.language is Language.STEPS else json.dumps(value)[1:-1])
        return text
