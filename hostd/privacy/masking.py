"""Placeholders in the place of private data, and the data again in the place of placeholders.

A value always has the same placeholder, as long as the key is the same: what a conversation repeats at each turn stays the same
text, and a provider's cache of its beginning holds.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from hostd.domain.private_data import DataKind
from hostd.privacy.conversation import rewritten

_DIGITS = 8
_NAMES = {kind: kind.name.replace("_", "") for kind in DataKind}
PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(_NAMES.values())})_[0-9a-f]{{{_DIGITS}}}\]")
LONGEST = max(map(len, _NAMES.values())) + _DIGITS + 3
_WORDS = (DataKind.PERSON, DataKind.LOCATION)
_BEGUN = re.compile(rf"\[(?:[A-Z]{{0,{LONGEST}}}|[A-Z]{{1,{LONGEST}}}_[0-9a-f]{{0,{_DIGITS}}})\Z")
_UNSAFE = re.compile(r"[\"\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Mask:
    """The placeholders of *values*, derived by *key* (secret bytes, the same for the life of a daemon)."""

    def __init__(self, values: Mapping[str, DataKind], key: bytes) -> None:
        self._placeholders = {value: _placeholder(value, kind, key) for value, kind in values.items()}
        self._values = {placeholder: value for value, placeholder in self._placeholders.items()}
        # Of two values that begin alike, the longer one is meant.
        longest = sorted(values.items(), key=lambda item: len(item[0]), reverse=True)
        self._form = re.compile("|".join(_form(*item) for item in longest)) if longest else None

    @property
    def restorable(self) -> bool:
        """Whether each value can be put into JSON as it is, at any depth of quotation, and no two share a placeholder."""
        return len(self._values) == len(self._placeholders) and not any(map(_UNSAFE.search, self._placeholders))

    def mask(self, value: Any) -> Any:
        """Return *value*, decoded JSON, with placeholders."""
        return rewritten(value, self._masked)

    def restore(self, text: str) -> str:
        """Return *text* with the values of its placeholders."""
        return PLACEHOLDER.sub(lambda found: self._values.get(found.group(), found.group()), text)

    def restore_bytes(self, body: bytes) -> bytes:
        """Return *body*, UTF-8 and JSON, with the values of its placeholders."""
        return self.restore(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _masked(self, text: str) -> str:
        form = self._form
        return text if form is None else form.sub(lambda found: self._placeholders[found.group()], text)


def held_back(text: str) -> int:
    """Return how many characters at the end of *text* may be the beginning of a placeholder."""
    found = _BEGUN.search(text, max(0, len(text) - LONGEST))
    return 0 if found is None else len(found.group())


def _form(value: str, kind: DataKind) -> str:
    """Return the expression for *value*; a name that is also a part of words, as May is of maybe, is no name there."""
    return rf"(?<!\w){re.escape(value)}(?!\w)" if kind in _WORDS else re.escape(value)


def _placeholder(value: str, kind: DataKind, key: bytes) -> str:
    digest = hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return f"[{_NAMES[kind]}_{digest[:_DIGITS]}]"
