"""What this machine can add to arithmetic: what loads really took, and what the installed engine says of a dry run."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from hostd.backends.dryrun import Trial, dry_run
from hostd.backends.llamacpp import locate
from hostd.domain.errors import EngineError
from hostd.domain.footprint import Footprint
from hostd.library.header import ModelHeader
from hostd.planning.calibration import correct, key_of
from hostd.planning.serving import Placement, Serving
from hostd.runtime.measurements import Measurements
from hostd.runtime.state import measurements_file

_PATIENCE = 5.0
"""Seconds; a dry run takes a tenth of one, unless the engine tries in vain to make an absurd context fit."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Improves footprints of llama.cpp: by measurements where there are any, else by asking the engine."""

    store: Measurements
    program: tuple[str, ...]
    folder: Path

    def about(self, header: ModelHeader, serving: Serving) -> Callable[[Footprint, Placement], Footprint]:
        """Return what turns the footprint of *header* served so, by arithmetic, into the best that is known here."""

        def better(predicted: Footprint, placement: Placement) -> Footprint:
            key = key_of(header.identity, serving, placement)
            if history := self.store.about(key):
                return correct(predicted, key, history)
            # A dry run answers for the devices that the engine would take by itself: only the CPU leaves no choice.
            if placement.devices or header.gguf is None or not self.program:
                return predicted
            with suppress(EngineError, OSError):
                trial = Trial(self.program, _words(serving), header.gguf, serving.unified)
                return dry_run(trial, predicted, self.folder, host=placement.host, limit=_PATIENCE)
            return predicted

        return better


def this_machine(command: tuple[str, ...]) -> Learned:
    """Return what is learned of this machine; *command* is the owner's for llama.cpp, empty for none."""
    program: tuple[str, ...] = ()
    with suppress(EngineError):
        program = locate(command)
    return Learned(Measurements(measurements_file()), program, platformdirs.user_cache_path("hostd") / "dryruns")


def _words(serving: Serving) -> tuple[str, ...]:
    return (
        *("-c", str(serving.context), "-np", str(serving.slots), "-b", str(serving.batch), "-ub", str(serving.ubatch)),
        *("-ctk", serving.key_type, "-ctv", serving.value_type, "-fa", serving.flash),
        *(("--swa-full",) if serving.full_window else ()),
        *(("--embeddings",) if serving.embeddings else ()),
    )
