"""Which engines that are made for accelerators compute on this machine's processor instead: there are builds that do."""

from collections.abc import Iterator, Mapping

from hostd.backends.mlx import engine as mlx
from hostd.backends.vllm import engine as vllm
from hostd.backends.vllm.build import build_of
from hostd.domain.errors import EngineError
from hostd.domain.host import Host


def on_processor(host: Host, commands: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Return those of vLLM and MLX that are installed here and would compute on the processor, *host* being this machine.

    *commands* holds a command for those that the owner configured. Where there is an accelerator, none would.
    """
    return frozenset() if host.accelerators else frozenset(_installed(commands))


def _installed(commands: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    try:
        build = build_of(vllm.locate(commands.get("vllm", ()))[0])
        if build.on_processor or build.version is None:
            yield "vllm"
    except EngineError:
        pass
    try:
        mlx.python_of(commands.get("mlx", ()))
        yield "mlx"
    except EngineError:
        pass
