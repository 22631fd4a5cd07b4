"""Sections of variants: the keys of each backend, and the checks for those that it requires."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Annotated, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from hostd.config import field_types
from hostd.config.section import Section, key
from hostd.config.validators import hint, shown
from hostd.domain.cloud import CLOUD_PROVIDERS
from hostd.domain.locality import is_loopback

GROUP = "hostd.backends"


def registered() -> tuple[str, ...]:
    """Return the names under which installed packages register engines."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


class AnyVariant(Section):
    """Engine or server that can serve the profile's model."""

    @classmethod
    def about_unknown(cls, word: str, known: list[str]) -> str:
        """Return the message for an unknown *word*, with the engines that have such a key."""
        owners = [kind.engine() for kind in VARIANTS if word in kind.model_fields]
        if not owners:
            return super().about_unknown(word, known)
        keys = ", ".join(known)
        return f"'{word}' belongs to {' and '.join(owners)}, not to backend {cls.engine()}, whose keys are {keys}"

    @classmethod
    def engine(cls) -> str:
        """Return the backend's name."""
        return str(get_args(cls.model_fields["backend"].annotation)[0])


class LlamaCppVariant(AnyVariant):
    """Served by llama.cpp, from a GGUF file."""

    backend: Literal["llamacpp"]
    path: field_types.Text | None = key("The GGUF file, relative to the profile's own file.")
    hf: field_types.Hub | None = key("Repository of the model hub; needs `file`.")
    file: field_types.Text | None = key("Name of the GGUF file in the repository.")

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if (self.hf is None) != (self.file is None):
            raise ValueError("'hf' and 'file' go together; write both, or 'path' alone")
        if self.path is None and self.hf is None:
            raise ValueError("backend llamacpp needs 'path' (a GGUF file), or 'hf' and 'file'")
        return self


class RepositoryVariant(AnyVariant):
    """Served from a folder of weights, here or on the model hub."""

    hf: field_types.Hub | None = key("Repository of the model hub.")
    path: field_types.Text | None = key("Folder with the weights, relative to the profile's own file.")

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if self.path is None and self.hf is None:
            raise ValueError(f"backend {self.engine()} needs 'hf' or 'path'")
        return self


class MlxVariant(RepositoryVariant):
    """Served by MLX."""

    backend: Literal["mlx"]


class VllmVariant(RepositoryVariant):
    """Served by vLLM."""

    backend: Literal["vllm"]
    tensor_parallel: field_types.Devices | None = key("Graphics cards to spread the model over: a number, or auto.")


class OllamaVariant(AnyVariant):
    """Served by Ollama."""

    backend: Literal["ollama"]
    tag: field_types.Text = Field(description="Ollama's name of the model.", examples=["qwen3.5:9b"])
    url: field_types.Web | None = key("Address of an Ollama that runs already; without it, hostd starts one.")


class OpenAIVariant(AnyVariant):
    """Served by any server that speaks OpenAI's API and that hostd does not start."""

    backend: Literal["openai"]
    url: field_types.Web = Field(description="Address of the server's API.")
    model: field_types.Text | None = key("The server's name of the model.")
    api_key: field_types.Credential | None = key("The server's key; best as ${env:NAME}.")


class CloudVariant(AnyVariant):
    """Served by a cloud provider that speaks OpenAI's chat completions, or by Anthropic."""

    backend: Literal["cloud"]
    provider: field_types.Text = Field(
        description=f"The provider: {', '.join(CLOUD_PROVIDERS)}, or any name together with `url`.", examples=["openai"]
    )
    model: field_types.Text = Field(description="The provider's name of the model.")
    url: field_types.Web | None = key(
        "Address of its API, as OpenAI's clients want it, with /v1 at the end where it has that; known for the providers above."
    )
    api_key: field_types.Credential | None = key(
        "The provider's key, as ${env:NAME}. Without it and `key_file`, systemd's credential PROVIDER_api_key is read."
    )
    key_file: field_types.Text | None = key(
        "File that holds the key, relative to the profile's own file; only its owner may be able to read it (mode 0600)."
    )

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        if self.url is None and self.provider not in CLOUD_PROVIDERS:
            raise ValueError(
                f"the provider {shown(self.provider)} is not known: write its 'url', or {hint(self.provider, CLOUD_PROVIDERS)}"
            )
        if self.url is not None and not self.url.startswith("https:") and not is_loopback(self.url):
            raise ValueError(f"{shown(self.url)} is not encrypted, so the key and the prompts could be read on the way")
        if self.api_key is not None and self.key_file is not None:
            raise ValueError("'api_key' and 'key_file' are two places for one key; keep one of them")
        return self


VARIANTS: tuple[type[AnyVariant], ...] = (
    LlamaCppVariant,
    MlxVariant,
    VllmVariant,
    OllamaVariant,
    OpenAIVariant,
    CloudVariant,
)
ENGINES = tuple(kind.engine() for kind in VARIANTS)


class RegisteredVariant(Section):
    """Served by an engine that another package registers; the engine itself checks which of these keys it requires."""

    backend: field_types.Text = Field(
        description="The engine's name.", json_schema_extra={"not": {"enum": list(ENGINES)}}
    )
    path: field_types.Text | None = key("File or folder with the weights, relative to the profile's own file.")
    hf: field_types.Hub | None = key("Repository of the model hub.")
    file: field_types.Text | None = key("Name of a file in the repository.")
    tag: field_types.Text | None = key("The engine's tag of the model.")
    url: field_types.Web | None = key("Address of a server that runs already.")
    model: field_types.Text | None = key("The server's name of the model.")
    api_key: field_types.Credential | None = key("The server's key; best as ${env:NAME}.")


def engines() -> tuple[str, ...]:
    """Return the names of all engines, built in and registered."""
    return (*ENGINES, *(name for name in registered() if name not in ENGINES))


def shape_of(backend: str) -> type[Section]:
    """Return the section class with the keys of *backend*."""
    return next((kind for kind in VARIANTS if kind.engine() == backend), RegisteredVariant)


def _kind(variant: object) -> str | None:
    """Return the tag of a variant's section class; any class refuses a value that is not a mapping."""
    if not isinstance(variant, Mapping):
        return ENGINES[0]
    name = variant.get("backend")
    if name is None:
        return None
    known = name in ENGINES or not isinstance(name, str) or name not in registered()
    return str(name) if known else _REGISTERED


_REGISTERED = "(registered)"
Variant = Annotated[
    Annotated[LlamaCppVariant, Tag("llamacpp")]
    | Annotated[MlxVariant, Tag("mlx")]
    | Annotated[VllmVariant, Tag("vllm")]
    | Annotated[OllamaVariant, Tag("ollama")]
    | Annotated[OpenAIVariant, Tag("openai")]
    | Annotated[CloudVariant, Tag("cloud")]
    | Annotated[RegisteredVariant, Tag(_REGISTERED)],
    Discriminator(_kind),
]
