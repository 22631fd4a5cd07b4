"""The numbers that ship with hostd's own profiles: enough to plan a model before anything is fetched, also without a network."""

import json
from pathlib import Path

import hostd
from hostd.models.header import Format, ModelHeader, WeightFile
from hostd.planning.formats.shape_outline import outline

_PACKAGE = Path(hostd.__file__).parent


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
        document = json.loads(path.read_text("utf-8"))
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
