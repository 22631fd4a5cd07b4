"""Serving modes of all engines in one form for the placement."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from hostd.domain.footprint import Footprint
from hostd.domain.host import Host, Pool
from hostd.planning.footprint.decode_speed import tokens_per_second
from hostd.planning.footprint.levers import (
    Lever,
    LlamaCppServing,
)
from hostd.planning.footprint.llamacpp_serving import Placement, Serving

FreeBytes = Mapping[str, int]
"""Bytes that models may still take, by pool id."""

Estimate = Callable[[Placement, int | None], Footprint]
"""The footprint on a placement; the number is how many layers go to its devices (None: all)."""


@dataclass(frozen=True, slots=True, eq=False)
class ServingMode:
    """One engine with flags that can serve a model.

    *layers* counts the layers that can stay on the host one by one, 0 if the engine offloads all or none, *dealt* those that
    hostd may deal to several cards as it likes, and *experts* those whose experts may stay on the host. *cards* is how many
    cards the owner's flags are for (None: any). *cards_only* says that it needs an accelerator, *host_only* that the owner keeps
    it off all of them; *seen* are the ids of the cards that it may use, in the order in which its engine numbers them (None: all
    of the host, in their own order). *drafts* says in words what may draft tokens, empty for nothing. *speed* estimates the tokens
    a second of one request on a placement (0: nobody knows). *levers* returns the changes that save memory on a placement,
    *advice* the flags to launch it with.
    *notes* are sentences on assumptions.
    """

    label: str
    backend: str
    estimate: Estimate
    layers: int = 0
    dealt: int = 0
    experts: int = 0
    cards: int | None = None
    cards_only: bool = False
    host_only: bool = False
    seen: tuple[str, ...] | None = None
    drafts: str = ""
    speed: Callable[[Placement, int | None], float] = lambda *_: 0.0
    why_not: Callable[[Sequence[Pool]], str] = lambda _: ""
    levers: Callable[[Placement, FreeBytes], list[Lever]] = lambda *_: []
    advice: Callable[[Placement, FreeBytes], str] = lambda *_: ""
    notes: tuple[str, ...] = ()

    def accelerators(self, host: Host) -> tuple[Pool, ...]:
        """The accelerators of *host* that it may use, in the order in which its engine numbers them."""
        if self.seen is None:
            return host.accelerators
        known = {pool.id: pool for pool in host.accelerators}
        return tuple(known[each] for each in self.seen if each in known)


def llamacpp_mode(
    label: str,
    backend: str,
    served: LlamaCppServing,
    notes: tuple[str, ...] = (),
    better: Callable[[Footprint, Placement, int | None], Footprint] | None = None,
    host: Host | None = None,
) -> ServingMode:
    """Return the serving mode of llama.cpp, or of Ollama, which runs it: on any pools, split by layers unless the owner fixed them.

    *better* replaces a footprint by one that is calibrated with this machine's measurements. Speeds are those of *host*.
    """

    def estimate(placement: Placement, gpu_layers: int | None = None) -> Footprint:
        found = served.footprint(placement, gpu_layers)
        return found if better is None else better(found, placement, gpu_layers)

    def speed(placement: Placement, gpu_layers: int | None = None) -> float:
        return 0.0 if host is None else tokens_per_second(served.shape, *served.placed(placement, gpu_layers), host)

    layers = len(served.shape.layers) + len(served.shape.nextn) + 1
    # Ollama deals layers by itself.
    ours = backend == "llamacpp"
    fixed = served.serving.cpu_experts or served.serving.moved
    movable = any(layer.expert_bytes for layer in served.shape.layers) and not fixed
    return ServingMode(
        label,
        backend,
        cache(estimate),
        layers=layers if served.serving.gpu_layers is None else 0,
        dealt=layers if ours and not served.serving.tensor_split else 0,
        experts=len(served.shape.layers) if ours and movable else 0,
        cards=len(served.serving.tensor_split) or (1 if served.serving.split == "none" else None),
        host_only=not served.serving.devices,
        drafts=_drafts(served.serving),
        speed=speed,
        levers=served.levers,
        notes=notes,
    )


def _drafts(serving: Serving) -> str:
    if not serving.may_draft:
        return ""
    name = serving.draft_model.rsplit("/", 1)[-1]
    return f"{name} drafts" if name else "its own drafting layers draft"
