"""What is known of an agent's program, and what it is run with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

PLACEHOLDER_KEY = "hostd"
"""A key for programs that want one, where hostd asks for none."""
KEY_VARIABLE = "HOSTD_API_KEY"
"""The variable that a key is given in to programs that can be told a name for it, and that hostd's own verbs read."""
MASKED_KEY = "***"
"""What stands for a key where the command is printed."""
MOST_OUTPUT = 32_000
"""Tokens of an answer at most: what Claude Code and OpenCode take by themselves."""
_USUAL_CONTEXT = 32_768
"""Tokens that a program is told where a model's context is not known, and it has to be told one."""


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """A model of a daemon: *url* is its base without ``/v1``, *context* the tokens of one request, where they are known.

    *key* opens the daemon, None where it asks for none.
    """

    url: str
    model: str
    context: int | None = None
    key: str | None = field(default=None, repr=False)

    @property
    def openai_url(self) -> str:
        """The base URL that OpenAI's clients want."""
        return f"{self.url}/v1"

    @property
    def output_tokens(self) -> int | None:
        """How many tokens an answer may have: a quarter of the context, where that is known; agents leave room for them."""
        return None if self.context is None else min(MOST_OUTPUT, self.context // 4)

    @property
    def told_context(self) -> int:
        """The context for a program that has to be told one."""
        return self.context or _USUAL_CONTEXT

    @property
    def told_key(self) -> str:
        """The key for a program that has to be told one."""
        return self.key or PLACEHOLDER_KEY

    def masked(self) -> "ModelAddress":
        """Return it with a mask in the place of its key, to be printed."""
        return self if self.key is None else replace(self, key=MASKED_KEY)


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """How an agent is started: variables to set and to *unset*, arguments before the user's own, and *files* by path."""

    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    unset: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def environment_from(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of an agent that is started in *inherited*."""
        return {**{name: value for name, value in inherited.items() if name not in self.unset}, **self.environment}


@dataclass(frozen=True, slots=True)
class AgentProgram:
    """A program that works with tools through a model.

    *install* is the command that installs it. *opening_tokens* are what its first request takes before a word of its user's, as it
    was seen (None: not measured). *command* takes the model and the folder in which its files will be.
    """

    name: str
    title: str
    executable: str
    install: str
    command: Callable[[ModelAddress, str], AgentCommand]
    opening_tokens: int | None = None
