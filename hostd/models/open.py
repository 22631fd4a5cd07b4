"""Headers by reference: of a local file, of the hubs, or from the numbers that ship with hostd's own profiles."""

import json
from pathlib import Path

import hostd
from hostd.models.errors import HubUnreachable
from hostd.models.header import Format, ModelHeader, WeightFile
from hostd.models.locations import ModelLocations, this_machine
from hostd.models.reference import REGISTRY, FileReference, HubReference, OllamaReference
from hostd.models.stored_models import is_stored
from hostd.planning.formats.shape_outline import outline

_PACKAGE = Path(hostd.__file__).parent


def open_header(
    reference: FileReference | HubReference | OllamaReference, locations: ModelLocations | None = None
) -> ModelHeader:
    """Return the header of the model that *reference* names; weights are never read, nor more than a few ranges fetched.

    Where the model hub cannot be asked, the numbers that ship with hostd's own profiles are used, and a note says so.
    A profile is opened by the references of its variants (`variant_reference`).

    Raises:
        ModelNotFound: There is no such model, or a part of it is missing.
        HubUnreachable: The hub that has it cannot be asked, and its last answer is not kept.
        ModelUnreadable: What is there is not as it should be; each of these is an `Unreadable`, too, and its message a sentence.
    """
    # The readers of files and hubs take a fifth of the time of a plan from shipped numbers, which needs none of them.
    match reference:
        case FileReference(path):
            from hostd.models.local import open_path  # noqa: PLC0415 - as above

            return open_path(path)
        case HubReference(repository, file):
            try:
                return _from_hub(reference, locations or this_machine())
            except HubUnreachable:
                shipped = shipped_header(repository, file) if file else None
                if shipped is None:
                    raise
                return shipped
        case OllamaReference():
            places = locations or this_machine()
            if reference.host == REGISTRY:
                _refuse_unknown(reference, places, places.registry)
            from hostd.models.ollama import open_ollama  # noqa: PLC0415 - as above

            return open_ollama(reference, places)


def _refuse_unknown(reference: HubReference | OllamaReference, locations: ModelLocations, hub: str) -> None:
    """Raise HubUnreachable where the *hub* alone could tell of the model, and is not to be asked."""
    if locations.offline and not is_stored(reference, locations):
        raise HubUnreachable(f"{hub} is not asked for {reference}, because HF_HUB_OFFLINE or HOSTD_OFFLINE says so")


def _from_hub(reference: HubReference, locations: ModelLocations) -> ModelHeader:
    if locations.offline and not is_stored(reference, locations):
        raise HubUnreachable(
            f"{locations.hub} is not asked for {reference}, because HF_HUB_OFFLINE or HOSTD_OFFLINE says so"
        )
    from hostd.models.huggingface import open_hub  # noqa: PLC0415 - as in `open_header`

    return open_hub(reference, locations)


def shipped_profiles() -> Path:
    """Return the folder of the profiles that ship with hostd: inside the package where it is installed, else beside it."""
    inside = _PACKAGE / "model_profiles"
    return inside if inside.is_dir() else _PACKAGE.parent / "model_profiles"


def shipped_header(repository: str, file: str, profiles: Path | None = None) -> ModelHeader | None:
    """Return what is known of *file* in a *repository* of the model hub without asking it; None where nothing is.

    Raises:
        BadModel: The numbers are damaged.
    """
    for path in sorted((profiles or shipped_profiles()).glob("shapes/*.json")):
        text = path.read_text("utf-8")
        if file not in text:  # parsing all of them would take several times as long as the one
            continue
        document = json.loads(text)
        if (document["hf"], document["file"]) == (repository, file):
            shape = outline(document, path.stem)
            return ModelHeader(
                name=path.stem,
                format=Format.GGUF,
                shape=shape,
                source="the numbers that ship with hostd",
                files=(WeightFile(file, shape.file_bytes),),
                notes=("planned from the numbers that ship with hostd, not from the file's own header",),
            )
    return None
