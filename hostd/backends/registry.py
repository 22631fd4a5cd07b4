"""Every engine that this version can run, by the name that a variant's ``backend`` gives."""

import inspect
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import EntryPoint, entry_points

from hostd.backends.attached.engine import Attached
from hostd.backends.contract import Backend
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.mlx.engine import Mlx
from hostd.backends.ollama.engine import Ollama
from hostd.backends.vllm.engine import Vllm

GROUP = "hostd.backends"
_MEMBERS = ("accepts", "launch", "classify", "decoded", "adapt")


def external_backends(
    commands: Mapping[str, tuple[str, ...]], taken: Collection[str]
) -> tuple[dict[str, Backend], tuple[str, ...]]:
    """Return the backends that other packages add, by name, and a sentence on each that cannot be used.

    *taken* are names that are not to be had. Runs the code of those packages; whatever that raises is one of the sentences.
    """
    found: dict[str, Backend] = {}
    troubles = []
    for point in entry_points(group=GROUP):
        if point.name in taken or point.name in found:
            why: str | None = "another engine has that name already"
        else:
            why = _add(point, commands.get(point.name, ()), found)
        if why is not None:
            owner = point.dist.name if point.dist is not None else point.value
            troubles.append(
                f"the engine '{point.name}' of {owner} is left out: {why}; update that package, or remove it"
            )
    return found, tuple(troubles)


def _add(point: EntryPoint, command: tuple[str, ...], found: dict[str, Backend]) -> str | None:
    """Add what *point* makes to *found*; return why not."""
    try:
        maker: Callable[..., Backend] = point.load()
        backend = maker(command) if inspect.signature(maker).parameters else maker()
        missing = [name for name in _MEMBERS if not callable(getattr(backend, name, None))]
        named = backend.name
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may not keep the house from opening
        return f"{type(error).__name__}: {error}"
    if missing:
        return f"it has no {', '.join(missing)}"
    if named != point.name:
        return f"it calls itself '{named}'"
    found[point.name] = backend
    return None


RESERVED = ("cloud",)
"""Names that profiles give a meaning to, whatever is installed."""


def backends(commands: Mapping[str, tuple[str, ...]], troubles: list[str] | None = None) -> dict[str, Backend]:
    """Return the backends by name, those that other packages add among them.

    *commands* holds a command for those that the owner configured. Into *troubles* goes a sentence on each engine of another
    package that cannot be used.
    """
    own: tuple[Backend, ...] = (
        LlamaCpp(commands.get(LlamaCpp.name, ())),
        Mlx(commands.get(Mlx.name, ())),
        Ollama(commands.get(Ollama.name, ())),
        Vllm(commands.get(Vllm.name, ())),
        Attached(),
    )
    known = {backend.name: backend for backend in own}
    more, said = external_backends(commands, (*known, *RESERVED))
    if troubles is not None:
        troubles += said
    return known | more
