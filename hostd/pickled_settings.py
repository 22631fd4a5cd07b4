"""Settings on their way between processes of hostd; what comes out takes no library to read."""

import pickle
from io import BytesIO
from types import MappingProxyType
from typing import Any


class _Pickler(pickle.Pickler):
    """Writes read-only mappings as well, which Python's own does not."""

    def reducer_override(self, given: Any) -> Any:
        return (_read_only, (dict(given),)) if isinstance(given, MappingProxyType) else NotImplemented


def pickled(given: object) -> bytes:
    """Return *given*, which may hold settings, in the form that `pickle.loads` takes."""
    written = BytesIO()
    _Pickler(written).dump(given)
    return written.getvalue()


def _read_only(given: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(given)
