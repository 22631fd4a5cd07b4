"""Every engine that this version can run, by the name that a variant's ``backend`` gives."""

from collections.abc import Mapping

from hostd.backends.attached import Attached
from hostd.backends.contract import Backend
from hostd.backends.llamacpp import LlamaCpp
from hostd.backends.mlx import Mlx
from hostd.backends.ollama import Ollama
from hostd.backends.plugins import plugged
from hostd.backends.vllm import Vllm

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
    more, said = plugged(commands, (*known, *RESERVED))
    if troubles is not None:
        troubles += said
    return known | more
