"""Levers: the bytes that a changed flag saves, from the footprint computed again with that one change."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from hostd.domain.footprint import Footprint
from hostd.domain.shape import Layer, Shape, Tables
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.formats.tensor_types import CACHE_TYPES

# Bits per weight of whole models as llama-quantize reports them for Llama 3.1 8B (tools/quantize/README.md), best first.
BITS = {
    "F32": 32.0, "BF16": 16.0, "F16": 16.0, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K_M": 5.7, "Q5_K_S": 5.57, "Q5_1": 6.0,
    "Q5_0": 5.5, "Q4_K_M": 4.89, "Q4_K_S": 4.67, "Q4_1": 5.1, "Q4_0": 4.66, "IQ4_NL": 4.68, "IQ4_XS": 4.46, "MXFP4": 4.25,
    "Q3_K_L": 4.3, "Q3_K_M": 3.99, "Q3_K_S": 3.64, "IQ3_M": 3.76, "IQ3_XXS": 3.25, "Q2_K": 3.16, "IQ2_M": 2.94,
}  # fmt: skip
# The same of checkpoints as hubs have them; 4-bit ones have a scale for every 32 to 128 weights.
_CHECKPOINT_BITS = {"F32": 32.0, "BF16": 16.0, "F16": 16.0, "FP8": 8.0, "F8_E4M3": 8.0, "8-BIT": 8.5}
VLLM_PACKINGS = {"an FP8 checkpoint": 8.0, "an AWQ or GPTQ checkpoint of 4 bits": 4.5}
MLX_PACKINGS = {"a conversion to 8 bits": 8.5, "a conversion to 4 bits": 4.5}
_OFFERED = ("Q8_0", "Q6_K", "Q4_K_M", "IQ4_XS", "Q3_K_M", "Q2_K")
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Lever:
    """One change that reduces a model's memory: a phrase that names the flag or key, and the bytes that it saves."""

    change: str
    saves: int


@dataclass(frozen=True, slots=True)
class FlagNames:
    """Phrases for changes: the flags of `hostd plan`, or a profile's keys, whose context is per request."""

    slots: str = "--slots {}"
    context: str = "--ctx {}"
    kv_type: str = "--kv-type {}"
    ubatch: str = "--ubatch {}"
    unified: str = "--kv-unified"
    flash: str = "--flash-attn on"
    experts: str = "llama-server's --n-cpu-moe {}"
    projector: str = "llama-server's --no-mmproj-offload"
    prompts: str = "llama-server's --cache-ram 0"
    checkpoints: str = "llama-server's --ctx-checkpoints 0"
    per_request: bool = False


FLAGS = FlagNames()
KEYS = FlagNames(
    slots="slots: {}",
    context="context: {}",
    kv_type="kv_type: {}",
    ubatch="args: {{ubatch-size: {}}}",
    unified="args: {{kv-unified: true}}",
    flash="args: {{flash-attn: true}}",
    experts="args: {{n-cpu-moe: {}}}",
    projector="args: {{mmproj-offload: false}}",
    prompts="args: {{cache-ram: 0}}",
    checkpoints="args: {{ctx-checkpoints: 0}}",
    per_request=True,
)


@dataclass(frozen=True, slots=True)
class LlamaCppServing:
    """A model with the flags that llama.cpp serves it with, so that each flag can be changed alone."""

    shape: Shape
    serving: Serving
    projector: Shape | None = None
    words: FlagNames = FLAGS
    draft: Shape | None = None

    def footprint(self, placement: Placement, gpu_layers: int | None = None) -> Footprint:
        """Return the footprint on *placement*; a number of layers that the owner fixed overrides *gpu_layers*."""
        split = self.serving.tensor_split
        placement, layers = self.placed(placement, gpu_layers)
        serving = replace(self.serving.on(placement), gpu_layers=layers, cpu_experts=placement.cpu_experts)
        if split and len(split) >= len(placement.devices) > 1:
            # The engine deals by the owner's shares, in the order of the devices that it sees.
            names = (pool for pool, _ in placement.devices)
            placement = replace(placement, devices=tuple(zip(names, split, strict=False)))
        if not serving.devices:
            placement = Placement(host=placement.host)
        drafts = placement.drafts or not serving.may_draft
        return footprint(self.shape, serving, placement, projector=self.projector, draft=self.draft if drafts else None)

    def placed(self, placement: Placement, gpu_layers: int | None = None) -> tuple[Placement, int | None]:
        """Return *placement* and the layers on its devices as the owner's flags have them."""
        fixed, experts = self.serving.gpu_layers, max(self.serving.cpu_experts, placement.cpu_experts)
        return replace(placement, cpu_experts=experts), gpu_layers if fixed is None else fixed

    def levers(self, placement: Placement, free: Mapping[str, int]) -> list[Lever]:
        """Return the changes that save memory in the pools that lack it (else on the devices), those that are enough first."""
        changes = (*self._changes(placement), *self._contexts(_fitting(placement, free)))
        taken = ((change, served.footprint(placement)) for change, served in changes)
        return ranked(self.footprint(placement), taken, placement, free)

    def _with(self, **flags: object) -> "LlamaCppServing":
        return replace(self, serving=replace(self.serving, **flags))  # type: ignore[arg-type]  # each call names its own

    def _changes(self, placement: Placement) -> Iterator[tuple[str, "LlamaCppServing"]]:
        serving, words = self.serving, self.words
        for slots in dict.fromkeys((serving.slots // 2, 1)):
            if 0 < slots < serving.slots:
                context = self._per_slot() * slots if words.per_request else serving.context
                yield words.slots.format(slots), self._with(slots=slots, context=context)
        for kind in ("q8_0", "q4_0"):
            if CACHE_TYPES[kind].bytes_for(_BLOCK) < serving.keys.bytes_for(_BLOCK):
                yield words.kv_type.format(kind), self._with(key_type=kind, value_type=kind)
        for ubatch in (256, 128):
            if ubatch < serving.ubatch:
                yield words.ubatch.format(ubatch), self._with(ubatch=ubatch)
        if not serving.unified and serving.slots > 1:
            yield words.unified.format(), self._with(unified=True)
        if not serving.flash_attention(self.shape):
            yield words.flash.format(), self._with(flash="on")
        if placement.devices and not placement.unified:
            yield from self._to_the_host()
        # What the plan deals out is no lever: it gives way by itself.
        if serving.cache_ram:
            yield words.prompts.format(), self._with(cache_ram=0)
        if serving.checkpoints:
            yield words.checkpoints.format(), self._with(checkpoints=0)
        yield from ((change, replace(self, shape=shape)) for change, shape in packings(self.shape))

    def _to_the_host(self) -> Iterator[tuple[str, "LlamaCppServing"]]:
        count = len(self.shape.layers)
        if any(layer.expert_bytes for layer in self.shape.layers):
            for experts in (count // 2, count):
                if experts > self.serving.cpu_experts:
                    yield self.words.experts.format(experts), self._with(cpu_experts=experts)
        if (self.projector or self.shape.projector) and self.serving.projector_on_gpu:
            yield self.words.projector.format(), self._with(projector_on_gpu=False)

    def _contexts(self, fits: Callable[["LlamaCppServing"], bool]) -> Iterator[tuple[str, "LlamaCppServing"]]:
        whole = self.serving.total_context(self.shape)
        if whole > 2 * _BLOCK:
            yield self._phrase(whole // 2), self._with(context=whole // 2)
        step = _BLOCK * self.serving.slots
        if fits(self) or whole <= step:
            return
        # Memory grows with the context, so the largest that fits is found by bisection.
        least, most = 0, whole // step
        while least < most:
            middle = (least + most + 1) // 2
            least, most = (middle, most) if fits(self._with(context=middle * step)) else (least, middle - 1)
        if least:
            yield f"{self._phrase(least * step)} (the largest that fits)", self._with(context=least * step)

    def _per_slot(self) -> int:
        return self.serving.total_context(self.shape) // self.serving.slots

    def _phrase(self, context: int) -> str:
        return self.words.context.format(context // self.serving.slots if self.words.per_request else context)


def ranked(
    now: Footprint, changed: Iterable[tuple[str, Footprint]], placement: Placement, free: Mapping[str, int]
) -> list[Lever]:
    """Return the levers of *changed* footprints: those that alone are enough first, and of these and the others the largest first.

    Savings are bytes, at the high end by which verdicts go, of the pools that lack memory, or else of the devices.
    """
    short = {pool for pool in now.parts if now.needed(pool) > free.get(pool, 0)}
    where = short or {pool for pool, _ in placement.devices} or {placement.host}
    found: dict[str, tuple[bool, Lever]] = {}
    for change, then in changed:
        saves = sum(now.needed(pool) - then.needed(pool) for pool in where)
        if saves > 0:
            enough = all(then.needed(pool) <= free.get(pool, 0) for pool in then.parts)
            found.setdefault(change, (enough, Lever(change, saves)))
    return [lever for _, lever in sorted(found.values(), key=lambda each: (not each[0], -each[1].saves))]


def packings(shape: Shape) -> Iterator[tuple[str, Shape]]:
    """Yield smaller quantisations of a model and the shape of each; none if its own quantisation is not in `BITS`."""
    now = BITS.get(shape.quantisation.upper())
    for name in _OFFERED:
        if now and BITS[name] < now * 0.95:
            yield f"a {name} file instead of {shape.quantisation} (estimate)", packed(shape, BITS[name] / now)


def checkpoint_packings(shape: Shape, offered: Mapping[str, float]) -> Iterator[tuple[str, Shape]]:
    """Yield smaller checkpoints of a model for engines that read safetensors, by the bits per weight of what is *offered*."""
    now = _CHECKPOINT_BITS.get(shape.quantisation.upper())
    for name, bits in offered.items():
        if now and bits < now * 0.95:
            yield f"{name} instead of {shape.quantisation} (estimate)", packed(shape, bits / now)


def packed(shape: Shape, ratio: float) -> Shape:
    """Return *shape* with its weights scaled by *ratio*, as after another quantisation; projectors keep their size."""

    def scaled(bytes_: int) -> int:
        return int(bytes_ * ratio)

    known: dict[Layer, Layer] = {}

    def smaller(layer: Layer) -> Layer:
        if layer not in known:
            known[layer] = replace(
                layer, dense_bytes=scaled(layer.dense_bytes), expert_bytes=scaled(layer.expert_bytes)
            )
        return known[layer]

    old = shape.tables
    tables = Tables(scaled(old.token_embedding), scaled(old.output), scaled(old.layer_embedding), old.other)
    return replace(
        shape, layers=tuple(map(smaller, shape.layers)), nextn=tuple(map(smaller, shape.nextn)), tables=tables
    )


def _fitting(placement: Placement, free: Mapping[str, int]) -> Callable[[LlamaCppServing], bool]:
    def fits(served: LlamaCppServing) -> bool:
        there = served.footprint(placement)
        return all(there.needed(pool) <= free.get(pool, 0) for pool in there.parts)

    return fits
