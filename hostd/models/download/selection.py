"""Selection of the files to download: weights that hold nothing but numbers, and the texts that say how to use them.

Pickled weights and Python code run when they are loaded. They are never taken, and nothing that is taken asks for them.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.model_files import MOST_PARTS, choose, parts_of, projector_of
from hostd.models.read import FileSource, shards
from hostd.models.reference import PICKLES, WEIGHTS, is_safe_file

_TEXTS = (".json", ".jinja", ".tiktoken", ".model")
_ALSO = frozenset({"merges.txt", "vocab.txt"})
_INDEX_OF_PICKLES = re.compile(r"(pytorch|tf|flax)_.*\.index\.json")
# Names that Windows keeps for devices: a cache on a shared disk would be broken by one.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)
_LONGEST = 180


@dataclass(frozen=True, slots=True)
class Selection:
    """Files to download. *first* is the one that an engine is given, empty where it is given their folder."""

    names: tuple[str, ...]
    first: str = ""
    projector: str | None = None
    notes: tuple[str, ...] = ()


def refuse_hostile(names: Iterable[str], where: str) -> None:
    """Refuse a repository that lists a name which would leave its folder.

    Raises:
        ModelUnreadable: It does.
    """
    for name in names:
        if not is_safe_file(name):
            raise ModelUnreadable(
                f"{where} lists a file {name[:80]!r}, a name that leads out of its folder; nothing of it is downloaded"
            )


def select(folder: FileSource, file: str | None, *, projector: bool | None = None) -> Selection:
    """Return which files of *folder* make up its model, or the one that *file* is (a part of).

    *projector* says whether the vision or audio tower is wanted, None leaves it to what was named: with a repository it comes
    along, with a single file it does not.

    Raises:
        ModelNotFound: There is no such model, or a part of it is missing.
        ModelUnreadable: Its weights are pickled, or a name is unsafe.
    """
    files = folder.files()
    if file is not None and file not in files:
        raise ModelNotFound(f"{folder.label} has no file {file!r}{_nearest(file, files)}")
    if file is not None and file.endswith(".gguf"):
        return _checked(_gguf(folder.label, files, parts_of(file), wanted=bool(projector)))
    if file is None and not any(name.endswith(WEIGHTS) for name in files):
        _refuse_pickles(folder.label, files)
    if file is None:
        option = choose(files, folder.label)
        if option.gguf:
            taken = _gguf(folder.label, files, option.gguf, wanted=projector is not False)
            return _checked(replace(taken, notes=(option.note,) if option.note else ()))
        weights = shards(folder) if option.index else option.safetensors
    else:
        weights = (file,)
    return _checked(_checkpoint(folder.label, files, weights))


def _gguf(label: str, files: Mapping[str, int | None], parts: tuple[str, ...], *, wanted: bool) -> Selection:
    if missing := [part for part in parts if part not in files]:
        raise ModelNotFound(f"{label} lacks {', '.join(missing[:3])}; its owner must upload the missing parts")
    if not wanted:
        return Selection(parts, parts[0])
    base = parts[0].rpartition("/")[0]
    beside = [name for name in files if name.rpartition("/")[0] == base]
    tower = projector_of(beside) or projector_of(files)
    if tower is None:
        return Selection(parts, parts[0])
    return Selection((*parts, tower), parts[0], tower)


def _checkpoint(label: str, files: Mapping[str, int | None], weights: tuple[str, ...]) -> Selection:
    if "config.json" not in files:
        raise ModelNotFound(f"{label} has weights and no config.json, which says what they are; look for another copy")
    texts = [name for name in sorted(files) if _is_text(name)]
    notes = []
    if code := [name for name in files if name.endswith(".py")]:
        notes.append(
            f"Python code was left out ({len(code)} files): hostd never runs code that comes with a model, so an engine that "
            "lacks this architecture cannot serve it"
        )
    if pickles := [name for name in files if name.endswith(PICKLES)]:
        notes.append(f"pickled copies of the weights were left out ({len(pickles)} files)")
    return Selection((*texts, *weights), notes=tuple(notes))


def _is_text(name: str) -> bool:
    folder, _, base = name.rpartition("/")
    return (
        folder in ("", "additional_chat_templates")
        and (base.endswith(_TEXTS) or base in _ALSO)
        and not base.startswith(".")
        and not _INDEX_OF_PICKLES.fullmatch(base)
    )


def _refuse_pickles(label: str, files: Mapping[str, int | None]) -> None:
    if pickles := sorted(name for name in files if name.endswith(PICKLES)):
        raise ModelUnreadable(
            f"{label} holds its weights pickled ({pickles[0]}), and loading such a file can run any code that is in it; "
            "nothing was downloaded: look for a copy of the model in GGUF or safetensors"
        )


def _checked(selection: Selection) -> Selection:
    if len(selection.names) > 4 * MOST_PARTS:
        raise ModelUnreadable(f"a model of {len(selection.names)} files cannot be right; do not use it")
    for name in selection.names:
        parts = name.split("/")
        if any(_DEVICES.fullmatch(part) or part.endswith((".", " ")) or len(part) > _LONGEST for part in parts):
            raise ModelUnreadable(f"{name[:80]!r} cannot be the name of a file on every system; do not use this model")
    return selection


def _nearest(file: str, files: Collection[str]) -> str:
    weights = {name.rpartition(".")[0].lower(): name for name in sorted(files) if name.endswith(WEIGHTS)}
    near = get_close_matches(file.rpartition(".")[0].lower(), weights, n=3)
    if near:
        return f"; did you mean {' or '.join(weights[each] for each in near)}?"
    some = ", ".join(list(weights.values())[:5])
    return f"; it has {some}{' and others' if len(weights) > 5 else ''}" if weights else ""
