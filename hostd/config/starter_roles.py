"""The roles of a first `hostd.yaml`: six that agents ask for, of which two may begin with a model of a cloud provider."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hostd.config.yaml_text import listed, quoted

CLOUD_MODELS = {
    "anthropic": "claude-sonnet-5-5",
    "openai": "gpt-5.4",
    "google": "gemini-3.8-flash",
    "deepseek": "deepseek-v4-pro",
    "xai": "grok-4.6",
    "zai": "glm-5.3",
}
"""The model of each provider that writes in the place of a local one, where the owner wants that."""
FOR_PEOPLE = ("research", "writer")
"""Roles whose answers people read: these may begin with a model of a provider."""
DAILY_USD = 5
"""What a provider may cost a day in a first configuration; its owner knows better."""
_QUICK = ("chat", "orchestrator", "utility")
_ROLES = ("chat", "orchestrator", "engineer", *FOR_PEOPLE, "utility")
_MOST = 3
_USE = re.compile(rf"^(  (?:{'|'.join(FOR_PEOPLE)}): \{{use: \[)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CloudStart:
    """The model of *provider* to begin with; its key is in *key_file*, or else in the environment's *variable*."""

    provider: str
    variable: str
    key_file: str | None = None

    @property
    def model(self) -> str:
        """The name of the model, which its profile has, too."""
        return CLOUD_MODELS[self.provider]


def roles_text(quick: Sequence[str], able: Sequence[str], taken: Collection[str] = ()) -> str:
    """Return the section `roles` over profiles: *quick* ones first for quick roles, *able* ones first for the others.

    Names that profiles have *taken* are left out; the text is empty where no role is left.
    """
    lines = [
        f"  {name}: {{use: [{listed(quick[:_MOST])}], thinking: off}}"
        if name in _QUICK
        else f"  {name}: {{use: [{listed(able[:_MOST])}]}}"
        for name in _ROLES
        if name not in taken
    ]
    return "\n".join(("roles:", *lines, "")) if lines and able else ""


def with_cloud(host_text: str, cloud: CloudStart) -> str:
    """Return the text of a `hostd.yaml` whose roles for people begin with the model of *cloud*, which may cost so much a day."""
    return _USE.sub(rf"\g<1>{quoted(cloud.model)}, ", host_text) + (
        f"providers: {{{quoted(cloud.provider)}: {{daily_usd: {DAILY_USD}}}}}\n"
    )


def cloud_profile_text(cloud: CloudStart) -> str:
    """Return the text of the profile of the model of *cloud*."""
    key = f"key_file: {quoted(cloud.key_file)}" if cloud.key_file else f'api_key: "${{env:{cloud.variable}}}"'
    return (
        "# What is sent to this model leaves this machine, and costs money.\n"
        f"name: {quoted(cloud.model)}\n"
        "variants:\n"
        f"  - {{backend: cloud, provider: {quoted(cloud.provider)}, model: {quoted(cloud.model)}, {key}}}\n"
    )
