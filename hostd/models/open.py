"""The one way in: a reference, wherever it leads, to the header of the model there."""

from hostd.models.errors import HubUnreachable
from hostd.models.header import ModelHeader
from hostd.models.huggingface import open_hub
from hostd.models.local import open_path
from hostd.models.locations import ModelLocations, this_machine
from hostd.models.ollama import open_ollama
from hostd.models.reference import FileReference, HubReference, OllamaReference
from hostd.models.shipped import shipped_header


def open_header(
    reference: FileReference | HubReference | OllamaReference, places: ModelLocations | None = None
) -> ModelHeader:
    """Return the header of the model that *reference* names; weights are never read, nor more than a few ranges fetched.

    Where the model hub cannot be asked, the numbers that ship with hostd's own profiles are used, and a note says so.
    A profile is opened by the references of its variants (`variant_reference`).

    Raises:
        NotThere: There is no such model, or a part of it is missing.
        Unreachable: The hub that has it cannot be asked, and its last answer is not kept.
        Unreadable: What is there is not as it should be; each of these is an `Unreadable`, too, and its message a sentence.
    """
    match reference:
        case FileReference(path):
            return open_path(path)
        case HubReference(repository, file):
            try:
                return open_hub(reference, places or this_machine())
            except HubUnreachable:
                shipped = shipped_header(repository, file) if file else None
                if shipped is None:
                    raise
                return shipped
        case OllamaReference():
            return open_ollama(reference, places or this_machine())
