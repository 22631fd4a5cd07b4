"""Where and how a model can be loaded on a host: on one card, split over several of a kind, in part on the CPU, or there alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from hostd.domain.footprint import ElasticMemory, Footprint
from hostd.domain.host import Host, Pool
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.footprint.serving_modes import FreeBytes, ServingMode
from hostd.planning.warm_set.layer_split import dealt

UNMEASURED_LOAD = 10.0
"""Seconds that a load is taken to last before any has been measured or estimated."""

SLICE = ":mig"
"""What the id of a slice of a card (MIG) has in it."""

Bytes = Mapping[str, int]
"""Bytes by pool id."""

_NO_FOOTPRINT = Footprint({})
_NO_MODE = ServingMode("", "", lambda *_: _NO_FOOTPRINT)


@dataclass(frozen=True, slots=True)
class LoadOption:
    """One concrete way to load a model: a variant on a placement. The scheduler chooses among these.

    *variant* counts within the profile's variants, best first. *needs* is the most that it holds of each pool while it serves,
    *expected* what it will probably hold, and *transient* what it takes beyond *needs* while it loads (bytes by pool id); all
    are empty where nothing is known or nothing is held on this host. *elastic* is what it may take besides, and *shares* how much
    of that it is allowed, by flag (None: not dealt yet); *needs* include them. *gpu_layers* is how many layers go to the devices,
    None for all. *load_seconds* is measured where there are measurements, else estimated. *hides* says that the engine is kept from
    devices that it is not placed on, and *slices* are the UUIDs of a host's slices (MIG), by pool id. *mode* and *footprint* are
    what the bytes were computed from; they are empty where nothing is known.
    """

    variant: int
    label: str
    placement: Placement = field(default_factory=Placement)
    gpu_layers: int | None = None
    needs: Bytes = field(default_factory=dict)
    expected: Bytes = field(default_factory=dict)
    transient: Bytes = field(default_factory=dict)
    load_seconds: float = UNMEASURED_LOAD
    elastic: tuple[ElasticMemory, ...] = ()
    shares: Mapping[str, int] | None = None
    hides: bool = True
    slices: Mapping[str, str] = field(default_factory=dict)
    mode: ServingMode = field(default=_NO_MODE, compare=False, repr=False)
    footprint: Footprint = field(default=_NO_FOOTPRINT, compare=False, repr=False)

    @property
    def whole(self) -> bool:
        """Whether nothing that could be on accelerators is on the CPU."""
        return self.gpu_layers is None and not self.placement.cpu_experts

    @property
    def foregoes_drafting(self) -> bool:
        """Whether tokens could be drafted for the model, and are not."""
        return bool(self.mode.drafts) and not self.placement.drafts

    @property
    def tokens_per_second(self) -> float:
        """An estimate of how fast one request is answered; 0 where nobody knows."""
        return self.mode.speed(self.placement, self.gpu_layers if self.placement.devices else None)

    @property
    def peak(self) -> dict[str, int]:
        """The most bytes that it takes of each pool at any time, its load included."""
        return {pool: self.needs.get(pool, 0) + self.transient.get(pool, 0) for pool in {*self.needs, *self.transient}}

    @property
    def most(self) -> Bytes:
        """The most bytes that it may take of each pool; of an unknown architecture that is a bound, however large the host."""
        if self.footprint.promised:
            return self.peak
        return {pool: self.footprint.pool(pool).high for pool in self.footprint.parts}

    @property
    def least(self) -> Bytes:
        """The fewest bytes that it may take of each pool; nothing can be said of flags that are not counted."""
        if self.footprint.unreckoned:
            return {}
        return {pool: self.footprint.pool(pool).low for pool in self.footprint.parts}

    @property
    def share_bytes(self) -> dict[str, int]:
        """The elastic bytes that it is allowed, by pool id; part of *needs*."""
        found: dict[str, int] = {}
        for each in self.elastic if self.shares else ():
            for pool in each.pools:
                found[pool] = found.get(pool, 0) + (self.shares or {}).get(each.flag, 0) * each.unit
        return found

    def granted(self, shares: Mapping[str, int]) -> "LoadOption":
        """Return it with *shares* of its elastic memory, by flag."""
        with_them = replace(self, shares=dict(shares))
        at_once = replace(with_them, elastic=tuple(each for each in self.elastic if each.at_once)).share_bytes
        return replace(with_them, needs=plus(self.needs, with_them.share_bytes), expected=plus(self.expected, at_once))

    def fits(self, free: FreeBytes) -> bool:
        """Return whether it can be promised to fit: of an unknown architecture, only a load would tell."""
        return self.footprint.promised and not excess(self.peak, free)

    def capped(self, budgets: FreeBytes) -> "LoadOption":
        """Return it with needs within *budgets*: what is a mere bound takes no more than that."""
        return replace(
            self,
            needs={pool: min(most, budgets[pool]) for pool, most in self.needs.items() if pool in budgets},
            expected={pool: min(count, budgets[pool]) for pool, count in self.expected.items() if pool in budgets},
        )


def excess(needs: Bytes, free: Bytes) -> dict[str, int]:
    """Return by how many bytes *needs* exceed *free*, by pool id; empty where they fit.

    A pool that was not measured counts as large enough: nothing can be said about it.
    """
    return {pool: need - free[pool] for pool, need in needs.items() if need > 0 and need > free.get(pool, need)}


def plus(free: Bytes, *more: Bytes) -> dict[str, int]:
    """Return *free* and all of *more* added up, by pool id."""
    added = dict(free)
    for each in more:
        for pool, count in each.items():
            added[pool] = added.get(pool, 0) + count
    return added


def less(free: Bytes, options: Iterable[LoadOption]) -> dict[str, int]:
    """Return what is left of *free* beside *options*; a pool that was not measured is left out."""
    left = dict(free)
    for option in options:
        for pool in option.needs.keys() & left.keys():
            left[pool] -= option.needs[pool]
    return left


def pool_budgets(host: Host) -> dict[str, int]:
    """Return what models may hold of each pool while none is loaded.

    A host that is described without main memory is taken to have all of it for models, unless it is unified.
    """
    budgets = {pool.id: pool.budget for pool in host.pools}
    return {"ram": host.ram_bytes} | budgets if host.main == "ram" else budgets


def free_now(host: Host) -> dict[str, int]:
    """Return what models may take of each pool at this moment: of the budget, what no other program holds."""
    free = {pool.id: pool.free for pool in host.pools}
    return {pool: min(budget, free.get(pool, budget)) for pool, budget in pool_budgets(host).items()}


def load_options(
    mode: ServingMode, host: Host, free: FreeBytes, devices: int | None = None
) -> tuple[list[LoadOption], LoadOption | None]:
    """Return the options in which *mode* fits into *free* bytes of *host*, best first, and the nearest one to fitting.

    All of the model on devices comes before some of its layers on the CPU, which are tried only where it has to be; *devices*
    fixes their number. An architecture that is not known is bounded only: what its bound exceeds of an empty host may not be
    needed at all.
    """
    devices = mode.cards if devices is None else devices
    if mode.host_only:
        only = _placed(mode, Placement(host=host.main), None)
        return ([only] if not excess(only.needs, free) or not only.footprint.promised else []), only
    whole = [each for each in full_offload(mode, host, free) if devices in (None, len(each.placement.devices) or 1)]
    nearest = min(whole, key=lambda each: sum(excess(each.needs, free).values()), default=None)
    fitting = [each for each in whole if not excess(each.needs, free)]
    fitting = [*_with_drafting(mode, fitting, free), *fitting]
    possible = fitting or _partly(mode, host, free)
    if not possible and nearest is not None and not nearest.footprint.promised:
        possible = [nearest]
    return possible, nearest


def _partly(mode: ServingMode, host: Host, free: FreeBytes) -> list[LoadOption]:
    """Return the options with part of the model on the CPU: its experts, or whole layers where that is estimated to be faster."""
    ways = [
        some
        for offload in (expert_offload, partial_offload)
        if (some := [each for each in offload(mode, host, free) if not excess(each.needs, free)])
    ]
    return max(ways, key=lambda some: some[0].tokens_per_second, default=[])


def _with_drafting(mode: ServingMode, options: Iterable[LoadOption], free: FreeBytes) -> Iterator[LoadOption]:
    """Yield those of the *options* that draft tokens and still fit.

    Drafting takes no layer its place: with fewer layers on the cards it loses more than it gains (12.1 tokens a second without,
    3.1 with it, unslothai/unsloth pull request 8875), and on the processor alone it gains nothing.
    """
    for option in options if mode.drafts else ():
        if option.whole and option.placement.devices:
            drafting = _placed(mode, replace(option.placement, drafts=True), None)
            if not excess(drafting.needs, free):
                yield drafting


def full_offload(mode: ServingMode, host: Host, free: FreeBytes) -> Iterator[LoadOption]:
    """Yield *mode* with all layers where the host is fastest, best placement first.

    That is one card, the fullest one first so that large free blocks stay large; then splits over as few cards of one kind as
    possible, in proportion to their free memory: over those with the most of it first, then over the next. Without
    accelerators it is the host.
    """
    usable = mode.accelerators(host)
    if not usable:
        if not mode.cards_only:
            yield _placed(mode, Placement(host=host.main), None)
        return
    # The fullest card first: a large free block is kept for a model that needs it.
    for card in sorted(usable, key=lambda card: free.get(card.id, 0)):
        if not mode.why_not((card,)):
            yield _placed(mode, Placement.on(card.id, host=host.main), None)
    for group in _kinds(usable):
        largest = sorted(group, key=lambda card: -free.get(card.id, 0))
        for count in range(2, len(group) + 1):
            # Disjoint groups, so that of four cards two models may take two each.
            for first in range(0, len(group) - count + 1, count):
                cards = sorted(largest[first : first + count], key=usable.index)
                if not mode.why_not(cards):
                    # Equal parts of the layers do for most models; to deal by bytes takes many estimates.
                    even = _split(cards, free)
                    yield _placed(mode, even if _fits(mode, even, free, None) else dealt(mode, even, free), None)


def partial_offload(mode: ServingMode, host: Host, free: FreeBytes) -> Iterator[LoadOption]:
    """Yield *mode* with as many layers on cards as fit there and the rest on the CPU, then with all of them on the CPU."""
    # On unified memory a layer on the CPU takes the same bytes of the same pool: nothing would be gained.
    if not mode.accelerators(host) or not mode.layers or host.main != "ram":
        return
    group = _largest_kind(mode.accelerators(host), free)
    if mode.cards is not None:
        # The owner's flags are for so many: the emptiest of them, in their own order.
        group = sorted(sorted(group, key=lambda card: -free.get(card.id, 0))[: mode.cards], key=group.index)
    # More layers on the cards take more of them, so the largest number that fits is found by bisection.
    least, most = 0, mode.layers
    while least < most:
        middle = (least + most + 1) // 2
        fits = _fits(mode, dealt(mode, _split(group, free), free, middle), free, middle)
        least, most = (middle, most) if fits else (least, middle - 1)
    if least:
        yield _placed(mode, dealt(mode, _split(group, free), free, least), least)
    yield _placed(mode, Placement(), 0)


def expert_offload(mode: ServingMode, host: Host, free: FreeBytes) -> Iterator[LoadOption]:
    """Yield *mode* with all layers on cards but the experts of as few first layers as have to be on the CPU: one card, then all.

    Of its experts a model reads few for each token, so that this is several times faster than whole layers on the CPU.
    """
    if not mode.accelerators(host) or not mode.experts or host.main != "ram":
        return
    group = _largest_kind(mode.accelerators(host), free)
    largest = max(group, key=lambda card: free.get(card.id, 0))
    for cards in [[largest], group] if len(group) > 1 else [group]:
        if mode.cards not in (None, len(cards)):
            continue

        def placement(experts: int, cards: list[Pool] = cards) -> Placement:
            return dealt(mode, replace(_split(cards, free), cpu_experts=experts), free)

        # More experts on the host leave more of the cards, so the smallest number that fits is found by bisection.
        least, most = 1, mode.experts
        while least < most:
            middle = (least + most) // 2
            least, most = (least, middle) if _fits(mode, placement(middle), free, None) else (middle + 1, most)
        if _fits(mode, placement(least), free, None):
            yield _placed(mode, placement(least), None)
            return


def _fits(mode: ServingMode, placement: Placement, free: FreeBytes, gpu_layers: int | None) -> bool:
    there = mode.estimate(placement, gpu_layers)
    return all(there.needed(pool) <= free.get(pool, 0) for pool, _ in placement.devices)


def _largest_kind(cards: Iterable[Pool], free: FreeBytes) -> list[Pool]:
    """Return the cards of the backend that has most memory: llama.cpp does not split a model over CUDA and ROCm devices."""
    return max(_kinds(cards), key=lambda group: sum(free.get(card.id, 0) for card in group))


def _placed(mode: ServingMode, placement: Placement, gpu_layers: int | None) -> LoadOption:
    # With no device at all, the estimate counts every layer as the host's by itself.
    footprint = mode.estimate(placement, gpu_layers if placement.devices else None)
    spans = {pool: footprint.pool(pool) for pool in footprint.parts}
    return LoadOption(
        variant=0,
        label=f"{mode.label}, drafting" if placement.drafts else mode.label,
        placement=placement,
        gpu_layers=gpu_layers,
        needs={pool: most for pool in footprint.parts if (most := footprint.needed(pool))},
        expected={pool: min(span.expected, footprint.needed(pool)) for pool, span in spans.items() if span.expected},
        elastic=footprint.elastic,
        mode=mode,
        footprint=footprint,
    )


def _split(cards: list[Pool], free: FreeBytes) -> Placement:
    return Placement(tuple((card.id, float(max(1, free.get(card.id, 0)))) for card in cards))


def _kinds(cards: Iterable[Pool]) -> list[list[Pool]]:
    """Return *cards* in groups that one process can use together; CUDA shows it one slice of a card (MIG) at most."""
    groups: dict[str, list[Pool]] = {}
    for pool in cards:
        groups.setdefault(pool.id if SLICE in pool.id else pool.id.partition(":")[0], []).append(pool)
    return list(groups.values())
