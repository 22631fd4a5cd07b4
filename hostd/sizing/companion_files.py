"""Files that an engine loads beside a model because the owner's flags name them: a draft model, a projector."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hostd.backends.visible_cards import named_devices
from hostd.domain.shape import Shape
from hostd.models.errors import ModelUnreadable
from hostd.models.header import ModelHeader
from hostd.models.reference import HUB, FileReference, HubReference, OllamaReference, ProfileReference, parse_reference
from hostd.planning.footprint.llamacpp_serving import Serving
from hostd.planning.footprint.tensor_overrides import HOST_BUFFERS, experts_alone, host_experts, moved_bytes

OpenFile = Callable[[FileReference | HubReference | OllamaReference], ModelHeader]


@dataclass(frozen=True, slots=True)
class Companions:
    """How a model is served with what its files tell: *serving*, and the shapes of the *projector* and of the *draft* model.

    *notes* are sentences on drafting.
    """

    serving: Serving
    projector: Shape | None
    draft: Shape | None = None
    notes: tuple[str, ...] = ()


def companions(header: ModelHeader, serving: Serving, open_file: OpenFile) -> Companions:
    """Return what is loaded beside the model of *header*; a file that cannot be read leaves its flag unreckoned."""
    unreckoned = {*serving.unreckoned}
    projector, draft = header.projector, None
    if serving.projector:
        projector = shape_in(serving.projector, open_file)
        unreckoned |= set() if projector and projector.projector else {"mmproj"}
    if serving.draft_model:
        draft = shape_in(serving.draft_model, open_file)
        if draft is not None and serving.rollback:
            # Layers made for the model draft alone; the file counts those of the model, too, and does not have them.
            draft = replace(draft, layers=draft.nextn or draft.layers, nextn=())
        unreckoned |= set() if draft and draft.known and draft.layers else {"model-draft"}
    if serving.overrides:
        serving, counted = _overridden(header, serving)
        unreckoned |= set() if counted else {"override-tensor"}
    serving = replace(serving, unreckoned=tuple(sorted(unreckoned)))
    return Companions(serving, projector, draft if draft and draft.layers else None)


def _overridden(header: ModelHeader, serving: Serving) -> tuple[Serving, bool]:
    """Return *serving* with what ``--override-tensor`` moves, and whether that could be told."""
    moved = moved_bytes(serving.overrides, header.gguf.tensors) if header.gguf else None
    if moved is None:
        experts = host_experts(serving.overrides, len(header.shape.layers)) if header.gguf is None else None
    else:
        experts = experts_alone(moved, header.shape)
    if experts is not None:
        return replace(serving, cpu_experts=max(serving.cpu_experts, experts)), True
    if moved is None or not all(each.buffer in HOST_BUFFERS or named_devices(each.buffer) for each in moved):
        return serving, False
    return replace(serving, moved=moved), True


def hub_or_path(name: str) -> str:
    """Return *name*, a folder or a repository as engines take either, in the form of a reference."""
    path = Path(name).expanduser() if name.startswith("~") else Path(name)
    return str(path) if path.exists() or path.is_absolute() or name.startswith(HUB) else f"{HUB}{name}"


def shape_in(name: str, open_file: OpenFile) -> Shape | None:
    """Return the shape in the header of a file, by its path or as ``hf:REPO[/FILE]``; None where it cannot be read."""
    try:
        reference = parse_reference(name) if name.startswith(HUB) else FileReference(Path(name))
        return None if isinstance(reference, ProfileReference) else open_file(reference).shape
    except ModelUnreadable:
        return None
