"""Slots of a llama-server that are written to files and read from them: what it has computed of a conversation, and its tokens.

``POST /slots/ID?action=save`` and ``restore`` wait for the slot to be idle, and hold up all other slots while the bytes move. A
restore that fails leaves cells behind that no later request can clear, not even ``erase``; only a restart does
(https://github.com/ggml-org/llama.cpp/issues/27068). An empty slot must not be saved: restoring it ends the process
(https://github.com/ggml-org/llama.cpp/issues/14434). The server compares the tokens of a slot with those of a request one by one,
so that nothing is ever continued that a request does not begin with.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hostd.backends.contract import Endpoint, SlotFiles
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from hostd.backends.llamacpp.build import stamp
from hostd.domain.errors import EngineError
from hostd.domain.profile import Flag, Profile
from hostd.domain.ticket import Task
from hostd.paths import saved_conversations_folder
from hostd.private_files import make_private_folder

SAVING = 10.0
RESTORING = 20.0
"""Seconds that moving a slot may take; a disk writes some 10 GB in ten."""

_ADDRESSED = {"--host": 1, "--port": 1, "--alias": 1, "-np": 1, "--metrics": 0, "--threads": 1, "--threads-batch": 1}
"""Flags on which nothing depends that is computed, and how many values follow each."""
_PICTURES = frozenset({"mmproj", "mm", "mmproj-url", "mmu", "mmproj-auto"})
"""Flags by which a model sees pictures; most builds save no slot then."""
_FLAG = "slot-save-path"


def slot_files(profile: Profile, path: Path, program: Sequence[str], words: Sequence[str]) -> SlotFiles | None:
    """Return where the slots of a llama-server with the flags *words* are kept; None where they are not.

    An owner that names a ``slot-save-path`` looks after its slots without hostd.
    """
    if not profile.kv.save or why_not(profile) is not None:
        return None
    folder = saved_conversations_folder()
    try:
        make_private_folder(folder)
        about = path.stat()
    except OSError:
        return None
    known = [*program, *stamp(program), str(path), about.st_size, about.st_mtime_ns, *_computed_by(words)]
    return SlotFiles(folder, hashlib.blake2b(json.dumps(known).encode(), digest_size=16).hexdigest())


def why_not(profile: Profile) -> str | None:
    """Return why slots of *profile* are not kept in files, None where they can be."""
    args: Mapping[str, Flag] = profile.args
    if profile.capabilities.task is not Task.TEXT:
        return "the model has no conversations"
    if _FLAG in args:
        return f"the profile's args hold {_FLAG}: its owner looks after slots"
    if not _PICTURES.isdisjoint(args):
        return "llama-server saves no slot of a model that sees pictures"
    return None


def variables(files: SlotFiles | None) -> dict[str, str]:
    """Return the variables for *files*: the server would copy idle slots into memory at each request, or clear them."""
    return {} if files is None else {"LLAMA_ARG_CACHE_IDLE_SLOTS": "0"}


def folder_words(files: SlotFiles | None) -> tuple[str, ...]:
    """Return the flags for *files*."""
    return () if files is None else (f"--{_FLAG}", f"{files.folder}/")


async def move(http: HttpClient, endpoint: Endpoint, slot: int, action: str, name: str) -> int:
    """Have a *slot* saved to the file *name*, or restored from it; return how many tokens it has.

    Raises:
        EngineError: It was not.
    """
    seconds, counted = (SAVING, "n_saved") if action == "save" else (RESTORING, "n_restored")
    try:
        url = f"{endpoint.url}/slots/{slot}?action={action}"
        reply = await http.ask(url, endpoint.headers, {"filename": name}, seconds=seconds)
        found: Any = reply.json()
    except ExchangeError as error:
        raise EngineError(f"the slot was not {action}d: {error}") from None
    tokens = found.get(counted) if isinstance(found, dict) else None
    if reply.status != 200 or not isinstance(tokens, int):
        raise EngineError(f"the slot was not {action}d (status {reply.status})")
    return tokens


def _computed_by(words: Sequence[str]) -> list[str]:
    rest, found = iter(words), list[str]()
    for word in rest:
        if word not in _ADDRESSED:
            found.append(word)
        else:
            for _ in range(_ADDRESSED[word]):
                next(rest, None)
    return found
