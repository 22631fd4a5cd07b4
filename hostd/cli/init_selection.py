"""The models on this host that ``hostd init`` writes profiles for, with which settings, and why it writes none for the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hostd.backends.llamacpp.serving_config import profile_serving
from hostd.config.starter_files import StarterProfile, is_writable
from hostd.domain.host import Host
from hostd.domain.profile import Capabilities, Profile, Variant
from hostd.domain.ticket import Task
from hostd.domain.units import format_bytes
from hostd.models.header import Format, ModelHeader
from hostd.models.model_files import is_draft, plain_name
from hostd.models.reference import OllamaReference
from hostd.models.scan import LocalModel
from hostd.planning.footprint.llamacpp_serving import Serving
from hostd.planning.warm_set.first_settings import ServableModel, best_packed, find_first_settings, warm_together
from hostd.planning.warm_set.load_option import Bytes, free_now

_NOT_SERVED = "hostd serves GGUF files only so far, not {}; find this model in GGUF"


@dataclass(frozen=True, slots=True)
class InitSelection:
    """A model on this machine: the profile to write for it, or the sentence that says why it gets none."""

    entry: LocalModel
    starter: StarterProfile | None = None
    ready: ServableModel | None = None
    why: str = ""


def select_profiles(entries: Sequence[LocalModel], host: Host) -> list[InitSelection]:
    """Return a selection for each of *entries*, in their order; of several quantisations of one model, one is selected."""
    free = free_now(host)
    judged = [_judge(entry, host, free) for entry in entries]
    copies: dict[str, list[ServableModel]] = {}
    for each in judged:
        if each.ready:
            copies.setdefault(each.ready.name, []).append(each.ready)
    best = {name: best_packed(found) for name, found in copies.items()}
    warm = warm_together(list(best.values()), host, free)
    return [_decided(each, best, warm) for each in judged]


def _judge(entry: LocalModel, host: Host, free: Bytes) -> InitSelection:
    header = entry.header
    if header is None or (why := _unfit(entry, header)):
        return InitSelection(entry, why=entry.trouble or why)
    task, path = entry.task, _path(header)

    def serve(context: int, slots: int) -> Serving:
        able = Capabilities.of(task)
        profile = Profile(
            "model", (Variant("llamacpp", path=str(path)),), context=context, slots=slots, capabilities=able
        )
        return profile_serving(profile, path)

    start = find_first_settings(header.shape, serve, host, free, makes_text=task is Task.TEXT)
    if start is None:
        there = ", ".join(f"{format_bytes(room)} of {pool}" for pool, room in sorted(free.items()))
        return InitSelection(
            entry, why=f"it does not fit: {format_bytes(entry.bytes)} of weights, and models can take {there} now"
        )
    return InitSelection(entry, ready=ServableModel(plain_name(entry.name), header.shape, start, task))


def _unfit(entry: LocalModel, header: ModelHeader) -> str:
    """Return why a model that can be read cannot be served; empty where it can."""
    gguf, shape = header.gguf, header.shape
    if entry.is_projector:
        return "it is the projector of another model"
    if gguf is None or header.format is not Format.GGUF:
        return _NOT_SERVED.format("MLX's" if header.format is Format.MLX else header.format)
    if is_draft(entry.name):
        return "it only drafts tokens for another model"
    if not shape.known:
        return f"the architecture '{shape.architecture}' is not known, so what fits cannot be computed; write its profile by hand"
    if header.adapter_bytes:
        return "it has an adapter, which hostd does not serve yet"
    if isinstance(entry.reference, OllamaReference) and shape.projector:
        return "Ollama packed its projector into it, so that only Ollama can load it; find this model as a GGUF file"
    if not is_writable(str(_path(header))):
        return "its path holds characters that no configuration file can; rename it"
    return ""


def _path(header: ModelHeader) -> Path:
    return (header.path or Path(header.files[0].name)).absolute()


def _decided(option: InitSelection, best: dict[str, ServableModel], warm: frozenset[str]) -> InitSelection:
    ready, entry = option.ready, option.entry
    if ready is None or entry.header is None:
        return option
    if best[ready.name] is not ready:
        packing = best[ready.name].shape.quantisation or "another"
        return InitSelection(entry, why=f"'{ready.name}' is served from its {packing} file")
    name = ready.name
    alias = entry.reference.short if isinstance(entry.reference, OllamaReference) else name
    starter = StarterProfile(
        name,
        str(_path(entry.header)),
        ready.start.context,
        ready.start.slots,
        preload=name in warm,
        aliases=(alias,) if alias != name else (),
        task=ready.task,
        gpu_layers=ready.start.gpu_layers,
        about=_about(entry, ready),
    )
    return InitSelection(entry, starter, ready)


def _about(entry: LocalModel, ready: ServableModel) -> tuple[str, ...]:
    where = f"Found in {entry.found_in}" + (f" as {entry.name}" if isinstance(entry.reference, OllamaReference) else "")
    what = ", ".join(filter(None, (entry.architecture, entry.quantisation, format_bytes(entry.bytes))))
    needs = " and ".join(f"{format_bytes(most)} of {pool}" for pool, most in sorted(ready.start.option.needs.items()))
    return f"{where}: {what}.", f"Takes {needs} at most (planned from its header)."
