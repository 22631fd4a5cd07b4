"""Every engine that this version can run, by the name that a variant's ``backend`` gives."""

from collections.abc import Mapping

from hostd.backends.contract import Backend
from hostd.backends.llamacpp import LlamaCpp


def backends(commands: Mapping[str, tuple[str, ...]]) -> dict[str, Backend]:
    """Return the backends by name; *commands* holds a command for those that the owner configured."""
    known: tuple[Backend, ...] = (LlamaCpp(commands.get(LlamaCpp.name, ())),)
    return {backend.name: backend for backend in known}
