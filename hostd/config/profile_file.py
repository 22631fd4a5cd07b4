"""Sections and keys of a profile's file; defaults come from the domain's classes."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from hostd.config import field_types
from hostd.config.host_file import KvSection, LimitsSection, WarmSection
from hostd.config.section import Section, items, key, keys, long_form
from hostd.config.variants import Variant
from hostd.config.window import WindowSection, long_window
from hostd.domain.profile import Price, Profile, WarmSettings

_PROFILE = Profile("", ())
_WARMTH = WarmSettings()
_PRICE = Price()


class ProfileWarmSection(WarmSection):
    """How much this profile should stay loaded."""

    pinned: field_types.Switch = key("Never evict for another model.", _WARMTH.pinned)
    priority: field_types.Whole = key("Higher stays loaded longer when memory is short.", _WARMTH.priority)
    windows: list[Annotated[WindowSection, BeforeValidator(long_window, field_types.Hours | WindowSection)]] = items(
        "Hours in which it should be warm; each may be written short, such as 'mon-fri 08:30-18:00'."
    )


class FallbackSection(Section):
    """Profile that may answer instead, and for which reasons."""

    to: field_types.Text = Field(description="Name of the profile.")
    on: Annotated[list[field_types.Why] | None, Field(min_length=1)] = key(
        "For which reasons; without it, for all but `content_policy`."
    )


class CapabilitiesSection(Section):
    """Capabilities of the model; one that is not written, or `auto`, is what a probe finds, and is assumed until then."""

    tools: field_types.Ability | None = key("Whether it can call tools: true, false, or auto.")
    vision: field_types.Ability | None = key("Whether it can see pictures: true, false, or auto.")
    thinking: field_types.Thinking | None = key("Whether it thinks before it answers: true, false, optional, or auto.")
    embeddings: field_types.Switch = key(
        "Whether it makes embeddings instead of text.", _PROFILE.capabilities.embeddings
    )
    rerank: field_types.Switch = key("Whether it ranks texts by a query instead.", _PROFILE.capabilities.rerank)
    decisions: field_types.Switch = key(
        "Whether it answers typed questions with probabilities (`/v1/systemone`) instead.",
        _PROFILE.capabilities.decisions,
    )
    json_schema: field_types.Ability | None = key("Whether it can be held to a JSON schema: true, false, or auto.")
    embedding_space: field_types.Text | None = key(
        "Name of the space of its vectors. Requests for embeddings fall back only to a profile with the same name here: vectors of "
        "two models cannot be compared otherwise."
    )

    @model_validator(mode="after")
    def _has_one_task(self) -> Self:
        if self.embeddings + self.rerank + self.decisions > 1:
            raise ValueError("a model makes embeddings, ranks texts or makes decisions; set one of them to true")
        return self


class PriceSection(Section):
    """What tokens cost, in USD per million."""

    input: field_types.Amount = key("Of the prompt.", _PRICE.input)
    output: field_types.Amount = key("Of the answer.", _PRICE.output)


class ProfileFile(Section):
    """A profile's file: one model, its variants, limits and fallbacks."""

    name: field_types.Name = Field(description="The name that clients ask for.")
    aliases: list[field_types.Alias] = items("Other names that clients may ask for; * ? [ ] match as in file names.")
    variants: list[Variant] = Field(
        min_length=1, description="Engines or servers that can serve the model, best first."
    )
    context: field_types.Count | None = key("Tokens of context for each slot; without it, the model's own.")
    slots: field_types.Count | None = key("Sequences that the engine decodes together; without it, `max_concurrent`.")
    kv_type: field_types.KvType = key("Type of the KV cache.", _PROFILE.kv_type)
    draft: field_types.Draft = key(
        "What drafts tokens that llama.cpp verifies: `auto` (the model's own drafting layers, where it has some and they pay), "
        "`off`, or a small model with the same vocabulary: its GGUF file, relative to this file, `hf:REPO[/FILE]` on the hub, or "
        "the name of its profile.",
        _PROFILE.draft,
    )
    args: dict[field_types.FlagName, field_types.FlagValue] = keys("More flags for the engine, without the dashes.")
    env: dict[field_types.VariableName, field_types.VariableValue] = keys(
        "Variables for the engine's environment, over those of its backend in hostd.yaml."
    )
    stop_grace: field_types.Duration | None = key(
        "How long the engine may take to end after SIGTERM, before SIGKILL; without it, as in hostd.yaml."
    )
    allow_fields: list[field_types.RequestField] = items(
        "Fields of requests that reach the engine beside OpenAI's and the usual ones for sampling, such as `lora`."
    )
    warm: ProfileWarmSection = keys("How much it should stay loaded.")
    limits: LimitsSection = keys("Any of the limits; the others come from hostd.yaml.")
    fallback: list[
        Annotated[
            FallbackSection,
            BeforeValidator(lambda value: long_form(value, "to", str), field_types.Text | FallbackSection),
        ]
    ] = items("Profiles that may answer instead, in order of preference.")
    capabilities: CapabilitiesSection = keys("What the model can do.")
    thinking: field_types.ThinkingWish = key(
        "Whether it is to think where a request says nothing of it: `off`, `on`, or `auto` (as the model likes).",
        _PROFILE.thinking.value,
    )
    privacy: field_types.Privacy = key("`local`: no prompt leaves this machine.", _PROFILE.privacy.value)
    repair: field_types.Repair = key(
        "`tool_calls`: hold a stream's tool calls back until they are whole, and ask once more, in one piece, where they cannot be "
        "read. `off`: only while nothing else of the answer has been sent.",
        _PROFILE.repair.value,
    )
    kv: KvSection = keys(
        "Whether what the engine has read of conversations is saved; the default is that of hostd.yaml."
    )
    price: PriceSection | None = key(
        "What tokens cost, in USD per million; without it, a cloud model's list price where hostd knows it."
    )
