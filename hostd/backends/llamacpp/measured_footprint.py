"""Turns what a dry run of llama.cpp says into a footprint, with what is known to be missing from it put right and noted."""

from dataclasses import replace

from hostd.backends.llamacpp.memory_log import MemoryProjection, pool_of
from hostd.domain.footprint import Component, Footprint, Span, Tier

_MIB = 1 << 20
_LOOSE = (
    "llama-fit-params reckons with logits of more tokens than a server keeps, so its scratch memory is an upper bound"
)
_SHARED = (
    "llama-fit-params cannot be told that the slots share one cache, so KV cache and scratch memory are the header's"
)


def footprint_of(
    said: MemoryProjection,
    predicted: Footprint,
    host: str = "ram",
    *,
    projector: int = 0,
    loose: bool = False,
    kv_from_header: bool = False,
) -> Footprint:
    """Return the footprint (tier ENGINE) that *said* amounts to.

    The engine rounds down to whole MiB; where *predicted* lies within that rounding it is taken for the exact figure. Overhead
    is *predicted*'s, for the engine does not count it. *loose* and *kv_from_header* name gaps of the tool that was asked.
    """
    parts: dict[str, dict[Component, Span]] = {}
    single = len({pool_of(device, host) for device, (_, context, _) in said.devices.items() if context}) <= 1
    for device, (model, context, scratch) in said.devices.items():
        pool = pool_of(device, host)
        before = predicted.parts.get(pool, {})
        states = said.states.get(device, 0)
        if said.kv is None and said.recurrent is None:
            # Only the table is left: it does not tell caches and states apart.
            states = before.get(Component.RECURRENT, Span()).expected
        kv = max(0, context - states)
        if single and said.kv is not None and abs(said.kv - kv) <= _MIB:
            kv = said.kv
        found = {
            Component.WEIGHTS: _rounded(model, before.get(Component.WEIGHTS)),
            Component.KV: _exact(kv, before.get(Component.KV))
            if kv == said.kv
            else _rounded(kv, before.get(Component.KV)),
            Component.RECURRENT: _exact(states, before.get(Component.RECURRENT)),
            Component.COMPUTE: _bounded(scratch, before.get(Component.COMPUTE)) if loose else _rounded(scratch, None),
        }
        if kv_from_header:
            found |= {part: before.get(part, Span()) for part in (Component.KV, Component.COMPUTE)}
        for component, span in found.items():
            _add(parts, pool, component, span)
    if not kv_from_header:
        _add(parts, host, Component.COMPUTE, Span(0, 0, said.output) if loose else Span.exactly(said.output))
    for pool, before in predicted.parts.items():
        if Component.OVERHEAD in before:
            parts.setdefault(pool, {})[Component.OVERHEAD] = before[Component.OVERHEAD]
    if projector:
        pool = next((pool for pool in parts if pool != host), host)
        _add(parts, pool, Component.WEIGHTS, Span.exactly(projector))
        _add(parts, pool, Component.COMPUTE, Span(projector // 10, projector // 3, projector))
    gaps = [_SHARED] if kv_from_header else [_LOOSE] if loose else []
    notes = [*predicted.notes, *gaps]
    return replace(
        predicted,
        parts=parts,
        tier=Tier.ENGINE,
        bounded_only=predicted.bounded_only and kv_from_header,
        notes=tuple(notes + _surprises(said, predicted, host)),
    )


def _exact(count: int, before: Span | None) -> Span:
    """Return the span of a figure that was printed with two digits after the point."""
    agreed = before is not None and abs(before.expected - count) * 100 < _MIB
    return Span.exactly(before.expected if before is not None and agreed else count)


def _rounded(count: int, before: Span | None) -> Span:
    """Return the span of a figure that was rounded down to MiB."""
    if before is not None and count <= before.expected < count + _MIB:
        return Span(before.expected, before.expected, max(before.expected, before.high))
    return Span(count, count + _MIB // 2, count + _MIB) if count else Span(0, 0, _MIB if before is not None else 0)


def _bounded(count: int, before: Span | None) -> Span:
    most = count + _MIB
    return (
        Span(min(before.low, most), min(before.expected, most), most) if before is not None else _rounded(count, None)
    )


def _add(parts: dict[str, dict[Component, Span]], pool: str, component: Component, span: Span) -> None:
    if span.high:
        mine = parts.setdefault(pool, {})
        mine[component] = mine.get(component, Span()) + span


def _surprises(said: MemoryProjection, predicted: Footprint, host: str) -> list[str]:
    asked = {pool for pool in predicted.parts if pool != host}
    missing = asked - {pool_of(device, host) for device in said.devices}
    if not missing:
        return []
    return [
        f"the installed engine would use nothing of {', '.join(sorted(missing))}: is it a build without that device?"
    ]
