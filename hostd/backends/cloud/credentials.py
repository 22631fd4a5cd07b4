"""The key of a provider: from a profile (an environment variable, as a rule), a file of its owner's, or systemd.

A key is read when its model is made ready, and kept in the headers of that model's endpoint alone: no engine, no log and no other
host sees it.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from hostd.backends.cloud.catalogue import CloudProvider
from hostd.domain.errors import EngineError
from hostd.domain.profile import Variant
from hostd.domain.reason import ExitClass

_FOLDER = "CREDENTIALS_DIRECTORY"
_LONGEST = 4096
_OTHERS = 0o077
_KEY = re.compile(r"[!-~]+")


def key_of(variant: Variant, provider: CloudProvider, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the key that *variant* uses at *provider*; None for a provider that is not in the catalogue and has none. Blocks.

    Raises:
        EngineError: There is none, or its file cannot be used; class missing_file.
    """
    if variant.api_key is not None:
        return _checked(variant.api_key, "the variant's api_key")
    if variant.key_file is not None:
        return _read(Path(variant.key_file), private=True)
    folder = environ.get(_FOLDER)
    # systemd shows that folder to the service alone, and gives its files modes of its own.
    if folder and (file := Path(folder) / provider.credential).exists():
        return _read(file, private=False)
    if not provider.variable:
        return None
    raise _unusable(
        f"there is no key for {provider.name}; write api_key: ${{env:{provider.variable}}} or a key_file into the variant, "
        f"or hand it over with systemd's LoadCredential={provider.credential}:/PATH"
    )


def _read(file: Path, *, private: bool) -> str:
    """Return the key in *file*, which with *private* must be closed to other users."""
    try:
        # A named pipe in its place would be waited for.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise _unusable(f"{file} is no regular file; name the file that holds the key")
            if private and about.st_mode & _OTHERS:
                mode = stat.S_IMODE(about.st_mode)
                raise _unusable(
                    f"other users may use the key in {file} (its mode is {mode:04o}), so it is not used; run: chmod 600 {file}"
                )
            text = opened.read(_LONGEST + 1)
    except OSError as error:
        raise _unusable(f"the key in {file} cannot be read: {error.strerror}") from None
    return _checked(text.decode("utf-8", "replace").strip(), str(file))


def _checked(key: str, where: str) -> str:
    """Return *key* if it can be one; the message of the error never shows it."""
    if len(key) > _LONGEST or not _KEY.fullmatch(key):
        raise _unusable(f"what {where} holds is no key: that is one word of letters, digits and signs")
    return key


def _unusable(why: str) -> EngineError:
    return EngineError(why, exit_class=ExitClass.MISSING_FILE)
