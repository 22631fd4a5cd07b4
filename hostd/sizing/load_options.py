"""What each way to load a model would take of this machine: the knowledge with which the desk decides what is warm.

Nothing here asks a network: a header is read from the files, the caches and the outlines that are on this machine.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from hostd.backends.contract import Backend
from hostd.domain.errors import ConfigError
from hostd.domain.footprint import Component
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Variant
from hostd.domain.units import format_bytes
from hostd.models.errors import BadReference, HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.header import ModelHeader
from hostd.models.locations import ModelLocations
from hostd.planning.footprint.placement import FreeBytes, PlacedMode, full_offload, partial_offload, pool_budgets
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD, LoadOption
from hostd.sizing.calibrated import CalibratedEstimator
from hostd.sizing.header_cache import HeaderCache
from hostd.sizing.serving_modes import ServingModeFactory, takes_memory
from hostd.sizing.variants import BoundVariant as Declared

STORAGE_SPEED = 1e9
"""Bytes a second that weights are assumed to be read with until a load was measured: a modest NVMe drive."""

START_SECONDS = {"llamacpp": 1.5, "ollama": 3.0, "mlx": 3.0, "vllm": 40.0}
"""What an engine takes to start besides reading weights, until a load was measured; vLLM imports, compiles and profiles."""

_CACHES = (Component.KV, Component.RECURRENT)

LoadSeconds = Callable[[str, str], float | None]
"""The measured seconds of a load, by the model's name and the variant's label; None where there are none."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The ways to load a model, best first; *why_not* says of every variant why there is none, and *notes* are on the others.

    With a *why_not*, the choices are those that this machine is too small for, so that nobody takes them for unknown.
    """

    options: tuple[LoadOption, ...]
    why_not: str | None = None
    notes: tuple[str, ...] = ()


class _LeftOut(Exception):
    """A variant cannot be loaded here; the text says why. *needs* is what it would take of this machine if that is too small."""

    def __init__(self, why: str, needs: LoadOption | None = None) -> None:
        super().__init__(why)
        self.needs = needs


class LoadOptionFinder:
    """Appraises profiles; *engines* are those of this machine, None for a machine that has them all.

    *learned* is what is known of this machine beyond arithmetic, and *load_seconds* how long its loads took.
    """

    def __init__(
        self,
        places: ModelLocations,
        engines: Mapping[str, Backend] | None = None,
        learned: CalibratedEstimator | None = None,
        load_seconds: LoadSeconds = lambda _, __: None,
    ) -> None:
        self._headers = HeaderCache(replace(places, offline=True))
        self._engines = engines
        self._learned = learned
        self._load_seconds = load_seconds

    def find(self, profile: Profile, host: Host) -> LoadOptions:
        """Return the ways to load *profile* on *host*, with what each takes of its pools.

        For each variant that its engine accepts, best first: all of it on accelerators, each card and each split that could
        hold it were the machine empty; only where there is none, some of its layers or all of them on the host. A variant of
        which nothing is known that its engine may yet serve has a choice that needs nothing.
        Blocks: headers are read.
        """
        modes = ServingModeFactory(host, self._headers.open, learned=self._learned, processor=self._engines is not None)
        found: list[LoadOption] = []
        too_large: list[LoadOption] = []
        why_not: list[str] = []
        notes: list[str] = []
        for number, variant in enumerate(profile.variants):
            try:
                for option, note in self._judge(modes, profile, number, variant):
                    found.append(option)
                    notes += [note] if note else []
            except _LeftOut as error:
                why_not.append(f"{variant.label}: {error}")
                too_large += [error.needs] if error.needs else []
        if not found:
            # What is known to be too large is told as it is, so that nobody takes it for unknown and tries.
            return LoadOptions(tuple(too_large), "; ".join(why_not) or f"'{profile.name}' has no variant")
        return LoadOptions(tuple(found), None, (*notes, *(f"left out: {each}" for each in why_not)))

    def _judge(
        self, modes: ServingModeFactory, profile: Profile, number: int, variant: Variant
    ) -> Iterator[tuple[LoadOption, str | None]]:
        """Yield the choices of one variant, and sentences on what is not known of it."""
        if self._engines is not None:
            why_not = Declared.of(variant, self._engines).why_not
            if why_not is not None:
                raise _LeftOut(why_not)
        if not takes_memory(variant):
            measured = self._load_seconds(profile.name, variant.label)
            yield LoadOption(number, variant.label, load_seconds=0.0 if measured is None else measured), None
            return
        try:
            header, mode = modes.declared(profile, variant)
        except (ConfigError, ValueError) as error:
            raise _LeftOut(error.message if isinstance(error, ConfigError) else str(error)) from error
        except ModelUnreadable as error:
            if isinstance(error, BadReference) or (variant.path is not None and isinstance(error, ModelNotFound)):
                raise _LeftOut(error.message) from error
            measured = self._load_seconds(profile.name, variant.label)
            choice = LoadOption(number, variant.label, load_seconds=UNMEASURED_LOAD if measured is None else measured)
            why = error.message
            if isinstance(error, HubUnreachable):
                why = f"its header is not on this machine; hostd plan {profile.name} fetches it"
            yield choice, f"{variant.label}: what it takes is not known, for {why}"
            return
        free = pool_budgets(modes.host)
        seconds = self._seconds(profile, variant, header)
        wanted = variant.tensor_parallel if isinstance(variant.tensor_parallel, int) else None
        placed = [
            each for each in full_offload(mode, modes.host, free) if wanted in (None, len(each.placement.devices) or 1)
        ]
        possible = (
            [each for each in placed if not each.excess(free)]
            or [each for each in placed if _fits_with_less_cache(each, free)]
            or [each for each in partial_offload(mode, modes.host, free) if not each.excess(free)]
        )
        if not possible and any(each.footprint.bounded_only for each in placed):
            # Nobody knows what it really takes: an empty machine may be enough.
            possible = [min(placed, key=lambda each: sum(each.excess(free).values()))]
        if not possible:
            nowhere = mode.why_not(modes.host.accelerators) or f"{variant.backend} has no place for it on this machine"
            if not placed:
                raise _LeftOut(nowhere)
            nearest = min(placed, key=lambda each: sum(each.excess(free).values()))
            needs = {pool: count for pool, count in nearest.needs.items() if count}
            raise _LeftOut(
                _too_large(nearest, free), replace(_choice(number, variant, nearest, modes.host, seconds), needs=needs)
            )
        for option in possible:
            yield _choice(number, variant, option, modes.host, seconds), None

    def _seconds(self, profile: Profile, variant: Variant, header: ModelHeader) -> float:
        measured = self._load_seconds(profile.name, variant.label)
        if measured is not None:
            return measured
        return START_SECONDS[variant.backend] + header.total_bytes / STORAGE_SPEED


def _choice(number: int, variant: Variant, option: PlacedMode, host: Host, seconds: float) -> LoadOption:
    budgets = {pool.id: pool.budget for pool in host.pools}
    spans = {pool: option.footprint.pool(pool) for pool in option.footprint.parts if pool in budgets}
    return LoadOption(
        variant=number,
        label=variant.label,
        placement=option.placement,
        gpu_layers=option.gpu_layers,
        needs={pool: min(span.high, budgets[pool]) for pool, span in spans.items() if span.high},
        expected={pool: min(span.expected, budgets[pool]) for pool, span in spans.items() if span.expected},
        load_seconds=seconds,
    )


def _fits_with_less_cache(option: PlacedMode, free: FreeBytes) -> bool:
    """Return whether vLLM, which takes as much cache as it is told, has room for one request of the whole context at least."""
    if option.mode.backend != "vllm":
        return False
    return all(
        sum((span.low if part in _CACHES else span.high) for part, span in parts.items()) <= free.get(pool, 0)
        for pool, parts in option.footprint.parts.items()
    )


def _too_large(nearest: PlacedMode, free: FreeBytes) -> str:
    short = (
        f"{format_bytes(nearest.needs[pool])} of {pool}, where models may hold {format_bytes(free.get(pool, 0))} in all"
        for pool in sorted(nearest.excess(free))
    )
    return f"it may take {' and '.join(short)}"
