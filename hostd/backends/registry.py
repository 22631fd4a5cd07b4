"""Every backend that this version has, by the name that a variant's ``backend`` gives, and those that other packages add."""

import inspect
from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from hostd.backends.attached.engine import Attached
from hostd.backends.cloud.provider import Cloud
from hostd.backends.contract import Backend, Engine
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.mlx.engine import Mlx
from hostd.backends.ollama.engine import Ollama
from hostd.backends.vllm.engine import Vllm
from hostd.domain.profile import EngineSettings, Settings

GROUP = "hostd.backends"


def backends(
    commands: Mapping[str, tuple[str, ...]],
    problems: list[str] | None = None,
    settings: Mapping[str, EngineSettings] = MappingProxyType({}),
) -> dict[str, Backend]:
    """Return the backends by name, those that other packages add among them.

    *commands* holds the command of each backend that the owner configured, *settings* what else is said of it. A sentence on each
    engine of another package that cannot be used is added to *problems*.
    """
    own: tuple[Backend, ...] = (
        LlamaCpp(commands.get(LlamaCpp.name, ())),
        Mlx(commands.get(Mlx.name, ())),
        Ollama(commands.get(Ollama.name, ())),
        Vllm(commands.get(Vllm.name, ())),
        Attached(),
        Cloud(),
    )
    known = {backend.name: backend for backend in own}
    external, unusable = external_backends(commands, known)
    if problems is not None:
        problems += unusable
    known |= external
    for name, said in settings.items():
        if name in known:
            known[name].settings = said
    return known


def renew(known: dict[str, Backend], names: Collection[str], settings: Settings) -> None:
    """Replace the backends called *names* in *known* by new ones that follow *settings*; engines that run keep the old ones."""
    made = backends(settings.commands, None, settings.engines)
    known.update((name, made[name]) for name in names if name in made)


def external_backends(
    commands: Mapping[str, tuple[str, ...]], taken: Collection[str]
) -> tuple[dict[str, Backend], tuple[str, ...]]:
    """Return the backends that other packages add, by name, and a sentence on each that cannot be used.

    *taken* are names that no package may use. Runs the code of those packages; whatever that raises is one of the sentences.
    """
    found: dict[str, Backend] = {}
    problems = []
    for point in entry_points(group=GROUP):
        if point.name in taken or point.name in found:
            why: str | None = "another engine has that name already"
        else:
            why = _add(point, commands.get(point.name, ()), found)
        if why is not None:
            owner = point.dist.name if point.dist is not None else point.value
            problems.append(
                f"the engine '{point.name}' of {owner} is left out: {why}; update that package, or remove it"
            )
    return found, tuple(problems)


def _add(point: EntryPoint, command: tuple[str, ...], found: dict[str, Backend]) -> str | None:
    """Add the backend of *point* to *found*; return why not."""
    try:
        maker = point.load()
        if isinstance(maker, type) and not issubclass(maker, Backend):
            # A package may leave hostd's classes alone: what its class lacks, it inherits here.
            maker = type(maker.__name__, (maker, Engine), {})
        if missing := getattr(maker, "__abstractmethods__", ()):
            return f"it has no {', '.join(sorted(missing))}"
        # An engine without a command of its own need not take one.
        backend = maker(command) if inspect.signature(maker).parameters else maker()
        name = backend.name
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another package's code must not keep hostd from starting
        return f"{type(error).__name__}: {error}"
    if not isinstance(backend, Backend):
        return "it makes no hostd.backends.contract.Backend"
    if name != point.name:
        return f"it calls itself '{name}'"
    found[point.name] = backend
    return None
