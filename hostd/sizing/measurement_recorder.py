"""Records the memory an engine really holds beside the predicted one, so that the next prediction is better."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

from hostd.backends.llamacpp import memory_log
from hostd.backends.llamacpp.serving_config import profile_serving
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.models.local import open_path
from hostd.models.open import open_header
from hostd.planning.footprint.calibration import Parts, serving_key
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.sizing.drafting import with_drafting
from hostd.sizing.measurements import MeasurementStore, split
from hostd.sizing.variants import resolve_weights, with_draft_file

_HOST = "ram"


class MeasurementRecorder:
    """Adds measurements to a store. Recording blocks: call it in a thread; several may, and one writes at a time."""

    def __init__(self, store: MeasurementStore) -> None:
        self._store = store
        self._writing = Lock()

    def record(
        self, profile: Profile, variant: Variant, log: Sequence[str], rss: int, option: LoadOption | None = None
    ) -> None:
        """Record one load after its first requests: the engine's *log*, and the bytes that its processes hold.

        *option* is how it was loaded: an engine that sees only its own cards numbers them from 0.

        Variants whose memory cannot be computed are skipped.

        Raises:
            HostdError: The model's header cannot be read, or its profile makes no sense.
        """
        # Only llama.cpp logs its memory by component; the others' totals cannot be told apart from their caches.
        if variant.backend != "llamacpp":
            return
        # On shared memory the log's devices and the process hold parts of one pool, which nothing tells apart.
        if option is not None and option.placement.unified and option.placement.host != "metal":
            return
        try:
            variant = resolve_weights(variant)
        except EngineError:
            return  # its file has gone since it was loaded
        if variant.path is None:
            return
        header = open_path(Path(variant.path).expanduser())
        profile = with_draft_file(profile)
        beside = with_drafting(profile, header, profile_serving(profile, header.path), open_header)
        memory = memory_log.parse(log)
        parts = _renamed(memory.parts, option)
        cards = tuple(pool for pool in parts if pool != _HOST)
        placement = Placement.on(*cards) if cards else Placement()
        placement = replace(placement, drafts=option is not None and option.placement.drafts)
        some, whole = memory.offloaded or (0, 0)
        serving = split(beside.serving, placement, some if some < whole else None)
        drafts = placement.drafts or not serving.may_draft
        predicted = footprint(
            header.shape, serving, placement, projector=beside.projector, draft=beside.draft if drafts else None
        )
        key = serving_key(header.identity, serving, placement)
        # Beside a card, what the process has mapped of the file counts as resident without being needed.
        totals = {} if cards else {_HOST: rss}
        with self._writing:
            self._store.record(key, predicted, parts, totals)


def _renamed(parts: Parts, option: LoadOption | None) -> Parts:
    """Return the engine's counts under the pools' own ids."""
    if option is None:
        return parts
    names = {f"{pool.partition(':')[0]}:{at}": pool for at, (pool, _) in enumerate(option.placement.devices)}
    return {names.get(pool, pool): found for pool, found in parts.items()}
