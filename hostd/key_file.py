"""The file with the clients' keys: only their hashes, and what each opens; `hostd keys` writes it, and the daemon reads it again.

A key is 256 random bits, so that one SHA-256 of it is enough: slow hashes make up for passwords that can be guessed, and a daemon
would pay for one with each request.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from hostd.domain.budget import Budget, Limit, Measure, Period, budget_of, parse_amount
from hostd.domain.client_key import ClientKey
from hostd.domain.errors import ConfigError, Problem
from hostd.domain.principal import KeyScope, Privacy
from hostd.domain.ticket import Priority
from hostd.private_files import make_private_folder, open_private, write_private

PREFIX = "hostd_"
"""What every key begins with, so that programs that look for secrets in files find it."""
_HEAD = "# Written by hostd keys. Only hashes of the keys are here: a lost key cannot be found again, but replaced.\n"
_MOST_BYTES = 1 << 20
_KNOWN = {"sha256", "created", "expires", "scope", "models", "privacy", "priority", "budget"}
_RATES = {"requests_per_minute": Measure.REQUESTS, "tokens_per_minute": Measure.TOKENS}


def new_key() -> str:
    """Return a key that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str) -> bytes:
    """Return what is kept of *key*."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


class KeyFile:
    """The keys at *path*; a file that is not there has none."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._seen: tuple[int, ...] | None = (-1,)

    def __repr__(self) -> str:
        return f"<KeyFile {self.path}>"

    def read(self) -> tuple[ClientKey, ...]:
        """Return the keys.

        Raises:
            ConfigError: The file cannot be read, or holds something else.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            return tuple(self._key(name, entry, content) for name, entry in _entries(content).items())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._wrong(error.strerror or str(error)) from None
        except yaml.YAMLError as error:
            raise self._wrong("it is no YAML", getattr(error, "problem_mark", None)) from None
        except (ValueError, TypeError, OverflowError) as error:
            raise self._wrong(str(error)) from None

    def changed(self) -> tuple[ClientKey, ...] | None:
        """Return the keys if the file is another than at the last call, None if it is not; raises as `read` does."""
        try:
            about = self.path.stat()
            seen: tuple[int, ...] | None = (about.st_mtime_ns, about.st_size, about.st_ino)
        except OSError:
            seen = None
        if seen == self._seen:
            return None
        self._seen = seen
        return self.read()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other programs that change the keys waiting as long as the block runs.

        Raises:
            OSError: The file beside the keys that is locked for it cannot be made.
        """
        if not self.path.parent.exists():
            make_private_folder(self.path.parent)
        # Not the file itself, which each change replaces, nor its folder, which a daemon may have locked.
        beside = Path(os.path.realpath(self.path))
        descriptor = open_private(beside.with_name(f".{beside.name}.lock"), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def write(self, keys: Iterable[ClientKey]) -> None:
        """Replace the file as a whole, for this user alone.

        Raises:
            OSError: It cannot be written; the old one is still there.
        """
        if not self.path.parent.exists():
            make_private_folder(self.path.parent)
        entries = {key.name: _entry(key) for key in keys}
        # A link would be replaced instead of what it leads to.
        write_private(Path(os.path.realpath(self.path)), _HEAD + yaml.safe_dump({"keys": entries}, sort_keys=False))

    def _key(self, name: str, entry: Mapping[str, Any], content: bytes) -> ClientKey:
        try:
            return _key(name, entry)
        except (ValueError, TypeError, OverflowError) as error:
            raise self._wrong(str(error), _place_of(name, content)) from None

    def _wrong(self, why: str, mark: yaml.Mark | None = None) -> ConfigError:
        place = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        message = f"the keys cannot be read: {why}; mend the file, or remove it"
        return ConfigError((Problem(message, str(self.path), *place),))


def shown(key: ClientKey) -> dict[str, Any]:
    """Return what *key* opens, as it is written in the file, without its hash."""
    return {
        "created": _date(key.created),
        "expires": None if key.expires is None else _date(key.expires),
        "scope": str(key.scope),
        "models": None if key.models is None else sorted(key.models),
        "privacy": str(key.privacy),
        "priority": key.priority.name.lower(),
        **_limits_shown(key.budget),
    }


def _limits_shown(budget: Budget | None) -> dict[str, Any]:
    """Return *budget* as it is written for a key: its limits of a minute have names of their own."""
    if budget is None:
        return {}
    rates = {word: budget.limit(measure, Period.MINUTE) for word, measure in _RATES.items()}
    named = {(measure, Period.MINUTE) for measure in _RATES.values()}
    rest = Budget(tuple(each for each in budget.limits if each[:2] not in named), budget.at_limit).written()
    found = {word: int(most) for word, most in rates.items() if most is not None}
    return found | ({"budget": rest} if rest else {})


def _entries(content: bytes) -> dict[str, Any]:
    """Return what *content* has for each name.

    Raises:
        ValueError: It is no such file.
    """
    if len(content) > _MOST_BYTES:
        raise ValueError("it is larger than 1 MiB")
    document = yaml.safe_load(content) or {}
    entries = document.get("keys", {}) if isinstance(document, dict) else None
    if not isinstance(entries, dict):
        raise ValueError("it must hold 'keys' with one entry for each")  # noqa: TRY004 - told as a mistake of the file
    return {str(name): entry for name, entry in entries.items()}


def _place_of(name: str, content: bytes) -> yaml.Mark | None:
    """Return where the key *name* stands in *content*, None where that is not known, as of one that a merge brings in."""
    root = yaml.compose(content, yaml.SafeLoader)
    sections = [] if root is None else [value for key, value in root.value if key.value == "keys"]
    entries = [key for section in sections for key, _ in section.value if key.value == name]
    return entries[-1].start_mark if entries else None


def _entry(key: ClientKey) -> dict[str, Any]:
    return {"sha256": key.digest.hex(), **{word: value for word, value in shown(key).items() if value is not None}}


def _key(name: str, entry: Mapping[str, Any]) -> ClientKey:
    """Return the key that *entry* describes.

    Raises:
        ValueError: It describes none; a word that is not known must not be passed over, since it may have meant a limit.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"'{name}' has no values")  # noqa: TRY004 - told as a mistake of the file
    if unknown := set(map(str, entry)) - _KNOWN - set(_RATES):
        raise ValueError(f"'{name}' has the unknown key '{min(unknown)}'")
    models = entry.get("models")
    if models is not None and not (isinstance(models, list) and all(isinstance(each, str) for each in models)):
        raise ValueError(f"'models' of '{name}' is no list of names")
    priority = str(entry.get("priority", "interactive")).upper()
    if priority not in Priority.__members__:
        raise ValueError(f"'priority' of '{name}' is neither interactive nor batch")
    digest = bytes.fromhex(str(entry.get("sha256", "")))
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"'sha256' of '{name}' is no SHA-256 in 64 digits")
    return ClientKey(
        name,
        digest,
        _seconds(entry.get("created")) or 0.0,
        _seconds(entry.get("expires")),
        KeyScope(entry.get("scope", "inference")),
        None if models is None else frozenset(models),
        Privacy(entry.get("privacy", "any")),
        Priority[priority],
        _budget(name, entry),
    )


def _budget(name: str, entry: Mapping[str, Any]) -> Budget | None:
    """Return what the key *name* may use up; None where *entry* sets no limit."""
    written = entry.get("budget", {})
    if not isinstance(written, dict):
        raise ValueError(f"'budget' of '{name}' is no mapping, such as {{day: 2 USD}}")  # noqa: TRY004 - as above
    try:
        budget = budget_of(written)
        rates = tuple(
            Limit(measure, Period.MINUTE, parse_amount(str(given), measure)[1])
            for word, measure in _RATES.items()
            if (given := entry.get(word)) is not None
        )
    except ValueError as error:
        raise ValueError(f"'{name}': {error}") from None
    limits = rates + budget.limits
    return Budget(limits, budget.at_limit) if limits else None


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(given: object) -> float | None:
    if given is None:
        return None
    date = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
