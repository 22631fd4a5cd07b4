"""Whether tokens are drafted for a profile's model, by what, and why not: the rules by which hostd sets speculative decoding up."""

from collections.abc import Iterator
from dataclasses import replace

from hostd.backends.llamacpp.draft_flags import DRAFTED, OWN_LAYERS, kind_of, owner_drafts
from hostd.backends.llamacpp.serving_config import engine_drafting
from hostd.domain.profile import Profile
from hostd.domain.shape import Shape
from hostd.models.header import ModelHeader
from hostd.models.reference import HUB
from hostd.planning.footprint.decode_speed import active_bytes
from hostd.planning.footprint.llamacpp_serving import Serving
from hostd.planning.formats.gguf_families import ALIASES
from hostd.sizing.companion_files import Companions, OpenFile, companions, shape_in

MOST_SLOTS = 2
"""Slots up to which drafting pays. One request alone is nearly twice as fast with it, two at once a fifth slower, four at once a
quarter (22.1 against 11.1, 16.5 against 20.1, 26.4 against 34.1 tokens a second: llama.cpp pull request 27342, Strix Halo)."""

SMALLER = 5
"""A draft model that reads more than one part in so many of what the model reads for a token slows it down: 0.5 billion
parameters as f16 cost 14 billion of five bits 23 % (llama.cpp issue 10664)."""

MOST_UNLIKE = 128
"""Words by which two vocabularies may differ for the engine to take them for one (llama.cpp's common/speculative.cpp)."""

_OWN_LAYERS = {"cohere2moe", "deepseek2", "glm4moe", "qwen35", "qwen35moe"}
_OWN_LAYERS_LATELY = {
    *("bailingmoe3", "deepseek32", "deepseek4", "glm-dsa", "hy_v3", "mimo2", "nemotron_h_moe", "qwen3next", "step35"),
    *("glm5-next", "qwen4exp"),
}
"""Architectures whose drafting layers llama.cpp runs, those of the second set in builds since `_LATELY`, where each of them has a
graph of its own for them (`graph_mtp`). A header counts such layers (nextn_predict_layers) of other architectures, too, whose
weights the engine passes over: to ask for drafting would end it."""
_LATELY = 11_549


def with_drafting(profile: Profile, header: ModelHeader, serving: Serving, open_file: OpenFile) -> Companions:
    """Return how *profile* is served with the files beside its model, and with what may draft for it if that pays."""
    beside = companions(header, serving, open_file)
    if profile.draft == "off" or owner_drafts(profile.args):
        return beside
    kind, small = kind_of(profile.draft), None
    if kind == OWN_LAYERS and not header.shape.nextn:
        return beside
    if kind != OWN_LAYERS:
        small = shape_in(profile.draft, open_file)
    on_hub = profile.draft.startswith(HUB)
    why_not = next(_reasons(kind, header.shape, beside.serving, small, on_hub=on_hub), None)
    if why_not is not None:
        what = "its own drafting layers draft" if kind == OWN_LAYERS else f"{profile.draft.rsplit('/', 1)[-1]} drafts"
        return replace(beside, notes=(f"{what} nothing: {why_not}",))
    draft_model = "" if kind == OWN_LAYERS else profile.draft
    return replace(
        beside, serving=replace(beside.serving, may_draft=DRAFTED[kind], draft_model=draft_model), draft=small
    )


def _reasons(kind: str, shape: Shape, serving: Serving, small: Shape | None, *, on_hub: bool) -> Iterator[str]:
    if serving.embeddings or shape.encoder:
        yield "embeddings have no next token"
    if serving.slots > MOST_SLOTS:
        yield f"with {serving.slots} slots at work it costs more than it gains (slots: {MOST_SLOTS} would have it on)"
    if (
        serving.cpu_experts
        or serving.moved
        or not serving.devices
        or (serving.gpu_layers or 1_000) <= len(shape.layers)
    ):
        yield "the owner's flags keep parts of the model on the CPU, where verifying several tokens takes several times as long"
    if kind == OWN_LAYERS:
        if not _runs_layers_of(shape, serving.build) or not all(layer.weight_bytes for layer in shape.nextn):
            yield "llama.cpp does not run those of this model"
    elif small is None or not small.layers:
        yield "its file cannot be read" if not on_hub else "it is not on this machine, and no hub tells of it"
    elif not small.known or abs(small.vocabulary - shape.vocabulary) > MOST_UNLIKE:
        yield "it has another vocabulary" if small.known else "its architecture is not known"
    elif active_bytes(small) * SMALLER > active_bytes(shape):
        yield f"it is too large to be worth it; a fifth of the model's {active_bytes(shape) / 1e9:.1f} GB a token is the most"
    # Asked last: a build has to be started for it.
    known = engine_drafting()
    if known is not None and kind not in known:
        yield f"this llama-server does not know --spec-type {kind}"


def _runs_layers_of(shape: Shape, build: int | None) -> bool:
    architecture = ALIASES.get(shape.architecture, shape.architecture)
    current = build is None or build >= _LATELY
    return architecture in _OWN_LAYERS or (current and architecture in _OWN_LAYERS_LATELY)
