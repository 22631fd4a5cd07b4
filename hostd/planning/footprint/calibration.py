"""Calibration of footprints: residuals of this machine's measured loads, applied to the next prediction.

A measurement of the same serving replaces the prediction component by component. A measurement of the same model with other
flags (context, slots) contributes only its own residual, with a lower weight, and so does one of another build of the engine.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hostd.domain.footprint import Component, Footprint, Span, Tier
from hostd.planning.footprint.llamacpp_serving import Placement, Serving

OTHER_BUILD = 0.25
OTHER_SERVING = 0.5
_GIB = 2**30

Parts = Mapping[str, Mapping[Component, int]]


@dataclass(frozen=True, slots=True)
class ServingKey:
    """Key of a measurement: model, flags, engine build and devices.

    *model* identifies the file (its name and size, or a digest), *context* and *slots* are those of ``Serving``, *kv_type* is
    ``f16`` or ``q8_0/f16``, *build* is the engine's version text, *device* the pools used, and *flags* the other flags
    that change memory.
    """

    model: str
    context: int
    slots: int
    kv_type: str
    build: str
    device: str
    flags: str = ""

    def weight(self, other: "ServingKey") -> float:
        """Return the weight of a measurement made under *other*: 1 for the same key, 0 for another model or device."""
        if (self.model, self.device) != (other.model, other.device):
            return 0.0
        return (1.0 if self.build == other.build else OTHER_BUILD) * (1.0 if self.serves_as(other) else OTHER_SERVING)

    def serves_as(self, other: "ServingKey") -> bool:
        """Whether the keys are the same but for the engine's build."""
        return replace(self, build="") == replace(other, build="")


def serving_key(model: str, serving: Serving, placement: Placement) -> ServingKey:
    """Return the key of a *model* (see `ServingKey`) with these flags on this placement."""
    kv_type = serving.key_type if serving.key_type == serving.value_type else f"{serving.key_type}/{serving.value_type}"
    memory = (
        "batch",
        "ubatch",
        "flash",
        "unified",
        "full_window",
        "gpu_layers",
        "cpu_experts",
        "kv_on_gpu",
        "embeddings",
        "draft",
        "verified",
        "drafter",
        "draft_model",
        "adapter_bytes",
        *(("overrides",) if serving.overrides else ()),
    )
    return ServingKey(
        model,
        serving.context,
        serving.slots,
        kv_type,
        str(serving.build or ""),
        "+".join(pool for pool, _ in placement.devices) or "cpu",
        " ".join(f"{name}={getattr(serving, name)}" for name in memory),
    )


@dataclass(frozen=True, slots=True)
class Observation:
    """One load, in bytes by pool and component: *predicted*, before any correction, and *measured* by the engine.

    *totals* are the bytes of each pool that the engine's processes held, including those that the engine does not report.
    """

    key: ServingKey
    predicted: Parts
    measured: Parts = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)

    def seen(self, pool: str, guess: Mapping[Component, int]) -> dict[Component, int]:
        """Return the measured bytes of *pool* by component; the total beyond the engine's report is overhead.

        *guess* stands for components that the engine does not report. A total below the report means that reserved memory
        was not touched: it is taken from compute buffers first.
        """
        seen = dict(self.measured.get(pool, {}))
        if pool not in self.totals:
            return seen
        counted = {**guess, **seen, Component.OVERHEAD: 0}
        rest = self.totals[pool] - sum(counted.values())
        seen[Component.OVERHEAD] = max(0, rest)
        for component in (Component.COMPUTE, Component.WEIGHTS, Component.KV, Component.RECURRENT):
            taken = min(max(0, -rest), counted.get(component, 0))
            if taken:
                seen[component] = counted[component] - taken
                rest += taken
        return seen


def correct(footprint: Footprint, key: ServingKey, history: Sequence[Observation]) -> Footprint:
    """Return *footprint* corrected by the measurements in *history* (tier MEASURED), unchanged if none applies.

    The expected bytes move by the weighted median of the residuals (measured less predicted), the high end by their 95th
    percentile; the predicted spread is divided by the weight of the evidence.
    """
    weighed = [(weight, each) for each in history if (weight := key.weight(each.key)) > 0]
    text = comparison(footprint, key, history)
    if not weighed or text is None:
        return footprint
    parts = {
        pool: _corrected(pool, footprint.parts.get(pool, {}), key, weighed) for pool in _pools(footprint.parts, weighed)
    }
    return replace(footprint, parts=parts, tier=Tier.MEASURED, bounded_only=False, notes=(*footprint.notes, text))


def comparison(footprint: Footprint, key: ServingKey, history: Iterable[Observation]) -> str | None:
    """Return ``est 18.6 · measured 17.6 · error +5.7 %`` (GiB, all pools), or None if nothing was measured.

    It compares *footprint* with the median of measurements of the same serving, or, if there are none, the recorded predictions
    with their measurements.
    """
    alike = [each for each in history if key.weight(each.key) > 0]
    same = [each for each in alike if key.serves_as(each.key)]
    pairs = [
        (sum(_expected(footprint.parts, each, pool) for pool in _seen_pools(each)), _total(each)) for each in same
    ] or [
        (sum(sum(each.predicted.get(pool, {}).values()) for pool in _seen_pools(each)), _total(each)) for each in alike
    ]
    pairs = [(estimate, total) for estimate, total in pairs if total > 0]
    if not pairs:
        return None
    from statistics import median  # noqa: PLC0415 - costs 5 ms, which a plan without measurements does without

    estimate, measured = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    error = (estimate / measured - 1) * 100
    return f"est {estimate / _GIB:.1f} · measured {measured / _GIB:.1f} · error {error:+.1f} %"


def _corrected(
    pool: str, spans: Mapping[Component, Span], key: ServingKey, weighed: Sequence[tuple[float, Observation]]
) -> dict[Component, Span]:
    expected = {component: span.expected for component, span in spans.items()}
    residuals: dict[Component, list[tuple[int, float]]] = {component: [] for component in Component}
    counted: dict[Component, int] = {}
    for weight, each in weighed:
        same = key.serves_as(each.key)
        base = expected if same else each.predicted.get(pool, {})
        for component, count in each.seen(pool, base).items():
            residuals[component].append((count - base.get(component, 0), weight))
        if same:
            for component, count in each.measured.get(pool, {}).items():
                counted[component] = max(count, counted.get(component, 0))
    moved = {part: _moved(spans.get(part, Span()), found) for part, found in residuals.items() if found}
    for component, most in counted.items():
        # The engine may still touch what it reserved, so the high end never falls below its report.
        span = moved[component]
        moved[component] = replace(span, high=max(span.high, most))
    return {**spans, **moved}


def _moved(span: Span, residuals: Sequence[tuple[int, float]]) -> Span:
    evidence = 1 + sum(weight for _, weight in residuals)
    expected = max(0, span.expected + _quantile(residuals, 0.5))
    high = max(expected, span.expected + _quantile(residuals, 0.95))
    low = max(0, min(expected, span.expected + _quantile(residuals, 0.05)))
    return Span(
        max(0, low - int((span.expected - span.low) / evidence)),
        expected,
        high + int((span.high - span.expected) / evidence),
    )


def _quantile(residuals: Sequence[tuple[int, float]], share: float) -> int:
    """Return the weighted quantile of *residuals*: the least value with at least *share* of the weight at or below it."""
    wanted = share * sum(weight for _, weight in residuals)
    reached = 0.0
    ordered = sorted(residuals)
    for value, weight in ordered:
        reached += weight
        if reached >= wanted - 1e-9:
            return value
    return ordered[-1][0]


def _pools(parts: Mapping[str, object], weighed: Iterable[tuple[float, Observation]]) -> list[str]:
    return list(dict.fromkeys([*parts, *(pool for _, each in weighed for pool in _seen_pools(each))]))


def _seen_pools(each: Observation) -> list[str]:
    return list(dict.fromkeys([*each.measured, *each.totals]))


def _expected(parts: Mapping[str, Mapping[Component, Span]], each: Observation, pool: str) -> int:
    """Return the expected bytes of a pool: all of it if its total was measured, else of the reported components."""
    counted = Component if pool in each.totals else each.measured[pool]
    return sum(parts.get(pool, {}).get(component, Span()).expected for component in counted)


def _total(each: Observation) -> int:
    return sum(each.totals.get(pool, sum(each.measured.get(pool, {}).values())) for pool in _seen_pools(each))
