"""What this machine can add to arithmetic: what loads really took, and what the installed engine says of a dry run."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from hostd.backends.llamacpp.dry_run import DryRun, dry_run
from hostd.backends.llamacpp.engine import locate
from hostd.domain.errors import EngineError
from hostd.domain.footprint import Footprint
from hostd.models.header import ModelHeader
from hostd.paths import measurements_file
from hostd.planning.footprint.calibration import correct, serving_key
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.sizing.measurements import MeasurementStore

_PATIENCE = 5.0
"""Seconds; a dry run takes a tenth of one, unless the engine tries in vain to make an absurd context fit."""


@dataclass(frozen=True, slots=True)
class CalibratedEstimator:
    """Improves footprints of llama.cpp: by measurements where there are any, else by asking the engine."""

    store: MeasurementStore
    program: tuple[str, ...]
    folder: Path

    def about(self, header: ModelHeader, serving: Serving) -> Callable[[Footprint, Placement, int | None], Footprint]:
        """Return what turns the footprint of *header* served so, by arithmetic, into the best that is known here."""

        def better(predicted: Footprint, placement: Placement, gpu_layers: int | None) -> Footprint:
            key = serving_key(header.identity, split(serving, placement, gpu_layers), placement)
            if history := self.store.about(key):
                return correct(predicted, key, history)
            # A dry run answers for the devices that the engine would take by itself: only the CPU leaves no choice.
            if placement.devices or header.gguf is None or not self.program:
                return predicted
            with suppress(EngineError, OSError):
                trial = DryRun(self.program, _words(serving), header.gguf, serving.unified)
                return dry_run(trial, predicted, self.folder, host=placement.host, limit=_PATIENCE)
            return predicted

        return better


def this_machine(command: tuple[str, ...], store: MeasurementStore | None = None) -> CalibratedEstimator:
    """Return what is learned of this machine; *command* is the owner's for llama.cpp, empty for none.

    *store* is the book that measurements are read from, this machine's if left out.
    """
    program: tuple[str, ...] = ()
    with suppress(EngineError):
        program = locate(command)
    book = store or MeasurementStore(measurements_file())
    return CalibratedEstimator(book, program, platformdirs.user_cache_path("hostd") / "dryruns")


def split(serving: Serving, placement: Placement, gpu_layers: int | None) -> Serving:
    """Return *serving* as measurements are kept of it where *gpu_layers* of the layers go to the devices (None: all)."""
    return serving if gpu_layers is None or not placement.devices else replace(serving, gpu_layers=gpu_layers)


def _words(serving: Serving) -> tuple[str, ...]:
    return (
        *("-c", str(serving.context), "-np", str(serving.slots), "-b", str(serving.batch), "-ub", str(serving.ubatch)),
        *("-ctk", serving.key_type, "-ctv", serving.value_type, "-fa", serving.flash),
        *(("--swa-full",) if serving.full_window else ()),
        *(("--embeddings",) if serving.embeddings else ()),
    )
