"""Selection of a model's files in a folder or repository, by their names alone, and the plain names of models."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.reference import is_safe_file
from hostd.planning.formats.not_a_model import folder_kind

INDEX = "model.safetensors.index.json"
MOST_PARTS = 512

_SPLIT = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf", re.ASCII)
_PREFERRED = ("q4_k_m", "q4_k_xl", "q4_k_s", "mxfp4", "q4_0", "iq4_xs", "iq4_nl", "q5_k_m", "q6_k", "q8_0", "q3_k_m")
_NO_MODEL = ("adapter", "consolidated", "optimizer", "training_args")
_TOWERS = ("f16", "bf16", "q8_0", "f32")
_LONGEST = 60
_PARTS = re.compile(r"-\d{5}-of-\d{5}$", re.ASCII)
_PACKING = re.compile(
    r"[-_.:](?:ud[-_])?(?:i?q\d(?:_[0-9a-z]+)*|tq\d_\d|b?f16|f32|mxfp4(?:_moe)?|nvfp4|gguf|imat|latest)$",
    re.ASCII | re.IGNORECASE,
)
_DRAFTS = frozenset({"draft", "drafter", "dflash", "eagle", "eagle3"})


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """GGUF files (all parts of one model, in order) with their projector, or safetensors files, or their *index*."""

    gguf: tuple[str, ...] = ()
    projector: str | None = None
    safetensors: tuple[str, ...] = ()
    index: bool = False
    note: str | None = None


def is_projector(name: str) -> bool:
    """Return whether a GGUF file is, by its name, the vision or audio tower of another."""
    return "mmproj" in name.rsplit("/", 1)[-1].lower()


def parts_of(name: str) -> tuple[str, ...]:
    """Return the names of all parts of the model that the GGUF file *name* is a part of, in order.

    Raises:
        ModelUnreadable: The name counts more parts than any model has, or a part beyond its own count.
    """
    split = _SPLIT.fullmatch(name)
    if split is None:
        return (name,)
    count = int(split["count"])
    if not 1 <= int(split["part"]) <= count <= MOST_PARTS:
        raise ModelUnreadable(
            f"'{name}' cannot be a part of a model: it would be part {split['part']} of {split['count']}"
        )
    return tuple(f"{split['stem']}-{part:05d}-of-{count:05d}.gguf" for part in range(1, count + 1))


def models(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the GGUF models among *names*, each with all its parts, without projectors and importance matrices."""
    found = dict.fromkeys(
        _whole(name)
        for name in sorted(names)
        if name.endswith(".gguf") and not is_projector(name) and "imatrix" not in name.lower()
    )
    return list(found)


def _whole(name: str) -> tuple[str, ...]:
    try:
        return parts_of(name)
    except ModelUnreadable:
        return (name,)  # opening the file reports what is wrong with it


def choose(files: Mapping[str, int | None], where: str) -> ModelFiles:
    """Return which of *files* (names and sizes) to read.

    Of several quantisations the usual middle, Q4_K_M, is taken, or what is nearest to it in use.

    Raises:
        ModelNotFound: There is no model among them.
        ModelUnreadable: A part of it is missing, or a name is unsafe.
    """
    names = [name for name in files if is_safe_file(name)]
    ggufs = models(names)
    if ggufs:
        best = min(ggufs, key=_rank)
        if missing := [part for part in best if part not in files]:
            raise ModelNotFound(f"{where} lacks {', '.join(missing[:3])}; download the missing parts")
        note = (
            f"{where} holds {len(ggufs)} models in GGUF; {best[0]} was taken, name another file to have that"
            if len(ggufs) > 1
            else None
        )
        return ModelFiles(best, projector_of(names), note=note)
    return choose_checkpoint(files, where)


def projector_of(names: Iterable[str]) -> str | None:
    """Return which of *names* to take as the projector of the GGUF models among them; of several, half precision."""
    return min((name for name in names if name.endswith(".gguf") and is_projector(name)), key=_tower_rank, default=None)


def choose_checkpoint(files: Mapping[str, int | None], where: str) -> ModelFiles:
    """Return which safetensors of *files* to read.

    Raises:
        ModelNotFound: There are none.
    """
    if INDEX in files:
        return ModelFiles(index=True)
    single = [name for name in files if name.endswith(".safetensors") and "/" not in name and is_safe_file(name)]
    weights = [name for name in single if not name.startswith(_NO_MODEL)]
    if not weights:
        kind = folder_kind(files)
        raise ModelNotFound(
            f"{where} holds no model: no .gguf file, and no .safetensors file with a config.json"
            f"{f'; what it holds is {kind}' if kind else ''}"
        )
    return ModelFiles(safetensors=("model.safetensors",) if "model.safetensors" in weights else tuple(sorted(weights)))


def _rank(parts: tuple[str, ...]) -> tuple[int, int, str]:
    name = parts[0].rsplit("/", 1)[-1].lower()
    rank = next((number for number, word in enumerate(_PREFERRED) if word in name), len(_PREFERRED))
    return rank, name.startswith("ud-") or "-ud-" in name, parts[0]


def _tower_rank(name: str) -> tuple[int, str]:
    base = name.rsplit("/", 1)[-1].lower()
    words = re.split(r"[-_.]", base)
    return next((number for number, word in enumerate(_TOWERS) if word in words or word in base.split("-")), 9), name


def plain_name(name: str) -> str:
    """Return *name* (a file's without its ending, or Ollama's) in small letters, digits, dots and dashes, without its packing.

    It can name a file and a profile; what has no letter or digit at all is called ``model``.
    """
    rest = _PARTS.sub("", name.rsplit("/", 1)[-1].removesuffix(".gguf"))
    while (shorter := _PACKING.sub("", rest)) != rest:
        rest = shorter
    words = re.sub(r"[^a-z0-9.]+", "-", rest.lower())
    return words.strip("-.")[:_LONGEST].rstrip("-.") or "model"


def is_draft(name: str) -> bool:
    """Return whether a model is, by its name, made to draft tokens for another."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return words[0] == "mtp" or not _DRAFTS.isdisjoint(words)
