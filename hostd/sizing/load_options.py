"""The options for loading each declared model on this host: what the scheduler decides with.

Headers are read from files, caches and the shipped outlines; no network is asked.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hostd.backends.visible_cards import device_variables
from hostd.domain.errors import ConfigError
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Variant
from hostd.domain.units import format_bytes
from hostd.models.errors import BadReference, DamagedModel, HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.locations import ModelLocations
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.warm_set.load_option import SLICE, UNMEASURED_LOAD, LoadOption, excess, load_options, pool_budgets
from hostd.sizing.header_cache import HeaderCache
from hostd.sizing.measurements import CalibratedEstimator
from hostd.sizing.serving_modes import ServingModeFactory, takes_memory
from hostd.sizing.variants import BoundVariant, draft_reference, with_draft_file

if TYPE_CHECKING:
    from hostd.backends.contract import Backend  # imports what talks to engines, which a plan does without

STORAGE_SPEED = 1e9
"""Bytes per second at which weights are assumed to be read until a load was measured: a modest NVMe drive."""

START_SECONDS = {"llamacpp": 1.5, "ollama": 3.0, "mlx": 3.0, "vllm": 40.0}
"""Seconds an engine takes to start besides reading weights, until a load was measured; vLLM imports, compiles and profiles."""

LoadSeconds = Callable[[str, str], float | None]
"""The measured seconds of a load, by the model's name and the variant's label; None where there are none."""


@dataclass(frozen=True, slots=True)
class SizedVariant:
    """A variant whose bytes can be computed: its *number* in the profile, how it is served, and the seconds of a load.

    *devices* is how many cards the owner wants it split over, None for any.
    """

    number: int
    mode: ServingMode
    load_seconds: float = UNMEASURED_LOAD
    devices: int | None = None

    @classmethod
    def of(
        cls, modes: ServingModeFactory, profile: Profile, number: int, measured: float | None = None
    ) -> "SizedVariant":
        """Return the variant of that *number*; raises as `ServingModeFactory.declared` does."""
        variant = profile.variants[number]
        header, mode = modes.declared(profile, variant)
        # Reading weights dominates a load; a mapped file that is still in the page cache only makes the guess too long.
        guess = START_SECONDS[variant.backend] + header.total_bytes / STORAGE_SPEED
        devices = variant.tensor_parallel if isinstance(variant.tensor_parallel, int) else None
        return cls(number, mode, guess if measured is None else measured, devices)

    def options(self, host: Host) -> tuple[list[LoadOption], LoadOption | None]:
        """Return the options that an empty *host* can hold, best first, and the nearest one if it can hold none."""
        budgets = pool_budgets(host)
        found, nearest = load_options(self.mode, host, budgets, self.devices)
        options = [self._of(each.capped(budgets), host) for each in found]
        return options, None if options or nearest is None else self._of(nearest, host)

    def _of(self, option: LoadOption, host: Host) -> LoadOption:
        slices = {pool.id: dict(pool.facts).get("uuid", "") for pool in host.accelerators if SLICE in pool.id}
        hides = bool(host.accelerators) or not host.unmeasured
        return replace(option, variant=self.number, load_seconds=self.load_seconds, hides=hides, slices=slices)

    def placed(self, option: LoadOption) -> LoadOption:
        """Return *option*, of this variant, with the footprint that this host's arithmetic gives it."""
        layers = option.gpu_layers if option.placement.devices else None
        footprint = self.mode.estimate(option.placement, layers)
        return replace(option, mode=self.mode, footprint=footprint, elastic=footprint.elastic)


def host_options(variants: Iterable[SizedVariant], host: Host) -> list[LoadOption]:
    """Return the options that an empty *host* can hold, best first; the nearest ones where it can hold none."""
    found, too_large = list[LoadOption](), list[LoadOption]()
    for variant in variants:
        options, nearest = variant.options(host)
        found += options
        too_large += [nearest] if nearest else []
    # An option that is too large is shown rather than none, so that the owner reads by how much.
    return whole_first(found) or too_large


def whole_first(options: list[LoadOption]) -> list[LoadOption]:
    """Return *options* without those partly on the CPU, if another variant fits the devices as a whole."""
    # A smaller quantisation on the card answers several times faster than a larger one partly on the CPU.
    if any(each.whole and each.needs for each in options):
        return [each for each in options if each.whole]
    return options


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options for loading a model, best first; *why_not* says of every variant why there is none, *notes* are on the others.

    With a *why_not*, the options are those that this host is too small for: known to be too large is not unknown.
    """

    options: tuple[LoadOption, ...]
    why_not: str | None = None
    notes: tuple[str, ...] = ()


class _Excluded(Exception):
    """A variant cannot be loaded here; the text says why. *nearest* is what it would take of this host if that is too small."""

    def __init__(self, why: str, nearest: LoadOption | None = None) -> None:
        super().__init__(why)
        self.nearest = nearest


class LoadOptionFinder:
    """Finds the options of profiles; *engines* are those of this host, None for a host that has them all.

    *calibrated* is what is known of this host beyond arithmetic, and *load_seconds* how long its loads took.
    """

    def __init__(
        self,
        places: ModelLocations,
        engines: "Mapping[str, Backend] | None" = None,
        calibrated: CalibratedEstimator | None = None,
        load_seconds: LoadSeconds = lambda _, __: None,
    ) -> None:
        # The daemon computes options at boot and again every half minute: it must never wait for a network.
        self._headers = HeaderCache(replace(places, offline=True))
        self._engines = engines
        self._calibrated = calibrated
        self._load_seconds = load_seconds

    def find(self, profile: Profile, host: Host) -> LoadOptions:
        """Return the options for loading *profile* on *host*, with what each takes of its pools.

        For each variant that its engine accepts, best first: all of it on accelerators, each card and each split that could
        hold it were the host empty; only where no variant has such an option, some or all of the layers on the CPU. A variant
        of which nothing is known that its engine may yet serve has an option that needs nothing. Blocks: headers are read.
        """
        modes = ServingModeFactory(
            host,
            self._headers.open,
            calibrated=self._calibrated,
            variables=self._variables,
            processor=self._engines is not None,
        )
        found: list[LoadOption] = []
        too_large: list[LoadOption] = []
        why_not: list[str] = []
        notes: list[str] = []
        draft = draft_reference(profile) if self._engines is not None else None
        if draft is not None and with_draft_file(profile) is profile:
            notes.append(f"{draft} drafts nothing: it is not on this machine; run: hostd pull {profile.name}")
            profile = replace(profile, draft="off")
        for number, variant in enumerate(profile.variants):
            try:
                for option, note in self._options(modes, profile, number, variant):
                    found.append(option)
                    notes += [note] if note else []
            except _Excluded as error:
                why_not.append(f"{variant.label}: {error}")
                too_large += [error.nearest] if error.nearest else []
        if not found:
            return LoadOptions(tuple(too_large), "; ".join(why_not) or f"'{profile.name}' has no variant")
        return LoadOptions(tuple(whole_first(found)), None, (*notes, *(f"left out: {each}" for each in why_not)))

    def _variables(self, backend: str) -> dict[str, str]:
        if self._engines is None:
            return {}
        engine = self._engines.get(backend)
        return device_variables(os.environ) | dict(engine.settings.env if engine else {})

    def _options(
        self, modes: ServingModeFactory, profile: Profile, number: int, variant: Variant
    ) -> Iterator[tuple[LoadOption, str | None]]:
        """Yield the options of one variant, with a sentence where something is not known of it."""
        if self._engines is not None and (why_not := BoundVariant.of(variant, self._engines).why_not) is not None:
            raise _Excluded(why_not)
        measured = self._load_seconds(profile.name, variant.label)
        if not takes_memory(variant):
            yield LoadOption(number, variant.label, load_seconds=measured or 0.0), None
            return
        try:
            sized = SizedVariant.of(modes, profile, number, measured)
        except (ConfigError, ValueError) as error:
            raise _Excluded(error.message if isinstance(error, ConfigError) else str(error)) from error
        except ModelUnreadable as error:
            # A hub that does not answer says nothing about the engine, which may have the weights; a missing file does, and so
            # does a header that cannot be: an engine's parser is not to be tried with it.
            if isinstance(error, BadReference | DamagedModel) or (
                variant.path is not None and isinstance(error, ModelNotFound)
            ):
                raise _Excluded(error.message) from error
            why = error.message
            if isinstance(error, HubUnreachable):
                why = f"its header is not on this machine; hostd plan {profile.name} fetches it"
            seconds = UNMEASURED_LOAD if measured is None else measured
            note = f"{variant.label}: what it takes is not known, for {why}"
            yield LoadOption(number, variant.label, load_seconds=seconds), note
            return
        options, nearest = sized.options(modes.host)
        if not options:
            nowhere = sized.mode.why_not(modes.host.accelerators)
            if nearest is None and modes.host.unmeasured and not modes.host.accelerators:
                there = ", ".join(modes.host.unmeasured)
                note = f"{variant.label}: what it takes is not known, for the memory of {there} is not measured"
                seconds = UNMEASURED_LOAD if measured is None else measured
                yield LoadOption(number, variant.label, load_seconds=seconds, hides=False), note
                return
            if nearest is None:
                raise _Excluded(nowhere or f"{variant.backend} has no place for it on this machine")
            raise _Excluded(_too_large(nearest, pool_budgets(modes.host)), nearest)
        yield from ((option, None) for option in options)


def _too_large(nearest: LoadOption, budgets: Mapping[str, int]) -> str:
    short = (
        f"{format_bytes(nearest.needs[pool])} of {pool}, where models may hold {format_bytes(budgets.get(pool, 0))} in all"
        for pool in sorted(excess(nearest.needs, budgets))
    )
    return f"it may take {' and '.join(short)}"
