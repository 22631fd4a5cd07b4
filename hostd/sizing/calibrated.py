"""What this machine adds to arithmetic: how much memory its earlier loads really took."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hostd.domain.footprint import Footprint
from hostd.models.header import ModelHeader
from hostd.paths import measurements_file
from hostd.planning.footprint.calibration import correct, serving_key
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.sizing.measurements import MeasurementStore


@dataclass(frozen=True, slots=True)
class CalibratedEstimator:
    """Corrects footprints of llama.cpp by measurements of the same serving, where there are any."""

    store: MeasurementStore

    def about(self, header: ModelHeader, serving: Serving) -> Callable[[Footprint, Placement, int | None], Footprint]:
        """Return what turns the footprint of *header* served so, by arithmetic, into the best that is known here."""

        def better(predicted: Footprint, placement: Placement, gpu_layers: int | None) -> Footprint:
            key = serving_key(header.identity, split(serving, placement, gpu_layers), placement)
            history = self.store.about(key)
            return correct(predicted, key, history) if history else predicted

        return better


def this_machine(store: MeasurementStore | None = None) -> CalibratedEstimator:
    """Return what is known of this machine; *store* is where measurements are read from, this machine's if left out."""
    return CalibratedEstimator(store or MeasurementStore(measurements_file()))


def split(serving: Serving, placement: Placement, gpu_layers: int | None) -> Serving:
    """Return *serving* as measurements are kept of it where *gpu_layers* of the layers go to the devices (None: all)."""
    return serving if gpu_layers is None or not placement.devices else replace(serving, gpu_layers=gpu_layers)
