"""The memory that loads on this host really took, and the footprints corrected by it.

They are kept elsewhere (`hostd.telemetry.footprint_records`), which only helps: what cannot be read or written there leaves what
this process has measured itself.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from hostd.domain.footprint import Footprint
from hostd.models.header import ModelHeader
from hostd.planning.footprint.calibration import Observation, Parts, ServingKey, correct, serving_key
from hostd.planning.footprint.llamacpp_serving import Placement, Serving

PER_KEY = 8
"""Measurements kept of the same serving; older ones say nothing new."""
MOST = 2000


class MeasurementStore:
    """What *recorded* yields, oldest first and asked for once, and what is measured from then on, which *keep* writes down."""

    def __init__(
        self,
        recorded: Callable[[], Iterable[Observation]] = tuple,
        keep: Callable[[Observation], None] = lambda _: None,
    ) -> None:
        self._recorded = recorded
        self._keep = keep
        self._all: list[Observation] | None = None

    def about(self, key: ServingKey) -> tuple[Observation, ...]:
        """Return what was measured that says something about *key*, oldest first; see `ServingKey.weight`."""
        return tuple(each for each in self._known() if key.weight(each.key) > 0)

    def record(self, key: ServingKey, predicted: Footprint, measured: Parts, totals: Mapping[str, int]) -> None:
        """Remember one load, in bytes by pool.

        *predicted* is the footprint before correction. *measured* is what the engine's log counts by component, *totals* what
        its processes hold in all of each pool: after the first requests where possible, for scratch memory is taken then.
        A load measured again under the same key within one run may be recorded again; the median decides.
        """
        guess = {pool: {part: span.expected for part, span in spans.items()} for pool, spans in predicted.parts.items()}
        known, found = self._known(), Observation(key, guess, measured, totals)
        self._all = _bounded([*known, found], key)
        self._keep(found)

    def _known(self) -> list[Observation]:
        if self._all is None:
            self._all = list(self._recorded())[-MOST:]
        return self._all


def _bounded(known: list[Observation], key: ServingKey) -> list[Observation]:
    """Return *known* with the last `PER_KEY` of *key*, and no more than `MOST` in all."""
    too_many = [number for number, each in enumerate(known) if each.key == key][:-PER_KEY]
    return [each for number, each in enumerate(known) if number not in too_many][-MOST:]


@dataclass(frozen=True, slots=True)
class CalibratedEstimator:
    """Corrects footprints of llama.cpp by measurements of the same serving, where there are any."""

    store: MeasurementStore

    def about(self, header: ModelHeader, serving: Serving) -> Callable[[Footprint, Placement, int | None], Footprint]:
        """Return the correction of arithmetic for *header* with *serving*: the measured footprint where there is one."""

        def better(predicted: Footprint, placement: Placement, gpu_layers: int | None) -> Footprint:
            key = serving_key(header.identity, split(serving, placement, gpu_layers), placement)
            history = self.store.about(key)
            return correct(predicted, key, history) if history else predicted

        return better


def split(serving: Serving, placement: Placement, gpu_layers: int | None) -> Serving:
    """Return *serving* as the key of its measurements: with *gpu_layers* of the layers on the devices (None: all)."""
    serving = replace(serving.on(placement), cpu_experts=max(serving.cpu_experts, placement.cpu_experts))
    return serving if gpu_layers is None or not placement.devices else replace(serving, gpu_layers=gpu_layers)
