"""The model's name in an answer: that of the profile that answered, whatever its engine calls itself."""

import json
import re

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')


class Renaming:
    """Puts *name* where an engine puts its own, which may be a path, a tag, or another server's word.

    Engines write it in the same way in each event, so it is looked for once; inside a string, its quotes would be escaped.
    """

    def __init__(self, name: str) -> None:
        self._name = json.dumps(name).encode()
        self._ours = b'"model":' + self._name
        self._theirs: bytes | None = None
        self._differs = True

    def apply(self, data: bytes) -> bytes:
        """Return *data*, whole events or a whole document, with the name that clients know."""
        if not self._differs:
            return data
        if self._theirs is None:
            found = _MODEL.search(data)
            if found is None:
                return data
            self._theirs = found[0]
            self._differs = found[1] != self._name
            if not self._differs:
                return data
        return data.replace(self._theirs, self._ours)
