"""The memory that loads on this host really took, kept on disk, and the footprints corrected by it.

One JSON object per line, oldest first. The file only helps: a line that cannot be read is skipped, and failing to write one is
reported, never raised into a load.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hostd.domain.footprint import Component, Footprint
from hostd.models.header import ModelHeader
from hostd.planning.footprint.calibration import Observation, Parts, ServingKey, correct, serving_key
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.private_files import make_private_folder, open_private, write_private

PER_KEY = 8
"""Measurements kept of the same serving; older ones say nothing new."""
MOST = 2000
_LARGEST = 8 << 20


class MeasurementStore:
    """The file at *path*; one process writes it, and it is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all: list[Observation] | None = None

    def about(self, key: ServingKey) -> tuple[Observation, ...]:
        """Return what was measured that says something about *key*, oldest first; see `ServingKey.weight`."""
        return tuple(each for each in self._read() if key.weight(each.key) > 0)

    def record(self, key: ServingKey, predicted: Footprint, measured: Parts, totals: Mapping[str, int]) -> str | None:
        """Remember one load, in bytes by pool; return a sentence where it could not be written, else None.

        *predicted* is the footprint before correction. *measured* is what the engine's log counts by component, *totals* what
        its processes hold in all of each pool: after the first requests where possible, for scratch memory is taken then.
        A load measured again under the same key within one run may be recorded again; the median decides.
        """
        guess = {pool: {part: span.expected for part, span in spans.items()} for pool, spans in predicted.parts.items()}
        known = self._read()
        known.append(Observation(key, guess, measured, totals))
        same = [number for number, each in enumerate(known) if each.key == key]
        # From the back, so that the numbers of the others stay right while entries are deleted.
        for number in reversed(same[:-PER_KEY]):
            del known[number]
        del known[:-MOST]
        return self._write(known)

    def _read(self) -> list[Observation]:
        if self._all is None:
            try:
                with os.fdopen(open_private(self._path, os.O_RDONLY), "rb") as file:
                    lines = file.read(_LARGEST).splitlines()
            except OSError:
                lines = []
            self._all = [found for line in lines if (found := _observation(line)) is not None][-MOST:]
        return self._all

    def _write(self, known: list[Observation]) -> str | None:
        try:
            make_private_folder(self._path.parent)
            write_private(self._path, "".join(f"{json.dumps(_row(each))}\n" for each in known))
        except OSError as error:
            return f"what this load took cannot be kept in {self._path}: {error.strerror}; predictions will not learn from it"
        return None


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


def _row(each: Observation) -> dict[str, Any]:
    key = {name: getattr(each.key, name) for name in ServingKey.__slots__}
    return {"key": key, "predicted": each.predicted, "measured": each.measured, "totals": each.totals}


def _observation(line: bytes) -> Observation | None:
    try:
        row = json.loads(line)
        found = row["key"]
        words = {name: str(found[name]) for name in ("model", "kv_type", "build", "device", "flags")}
        key = ServingKey(**words, context=int(found["context"]), slots=int(found["slots"]))
        totals = {str(pool): _count(count) for pool, count in row["totals"].items()}
        return Observation(key, _parts(row["predicted"]), _parts(row["measured"]), totals)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _parts(given: Any) -> dict[str, dict[Component, int]]:
    return {
        str(pool): {Component(part): _count(count) for part, count in parts.items()} for pool, parts in given.items()
    }


def _count(given: Any) -> int:
    if not isinstance(given, int) or not 0 <= given < 1 << 50:
        raise ValueError(f"{given} is no number of bytes")
    return given
