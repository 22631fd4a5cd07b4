"""Where a model's layers go, as llama-server is told: the plan's words, unless the owner has said otherwise."""

from collections.abc import Iterator, Mapping

from hostd.backends.devices import is_placed
from hostd.domain.profile import Flag
from hostd.planning.choice import Choice
from hostd.planning.serving import MIB

ALL_LAYERS = 999
"""More than any model has. Without a number the engine would quietly put layers on the host when memory looks short."""

OPTIONAL = {"--device": 1, "--metrics": 0}
"""Words of hostd's own that a build may do without, and how many values follow each."""

_LAYERS = frozenset({"gpu-layers", "n-gpu-layers", "ngl"})
_SPLITS = frozenset({"tensor-split", "ts", "split-mode", "sm", "main-gpu", "mg"})
_DEVICES = frozenset({"device", "dev"})


def placement_words(choice: Choice | None, args: Mapping[str, Flag]) -> tuple[str, ...]:
    """Return llama-server's flags for *choice*, without those that the owner's *args* set."""
    return tuple(_words(choice, args)) if choice is not None and is_placed(choice) else ()


def _words(choice: Choice, args: Mapping[str, Flag]) -> Iterator[str]:
    devices = choice.placement.devices
    layers = (ALL_LAYERS if devices else 0) if choice.gpu_layers is None else choice.gpu_layers
    if _LAYERS.isdisjoint(args):
        yield from ("-ngl", str(layers))
    if not devices and _DEVICES.isdisjoint(args):
        # Without layers on it, a card would still be used to read prompts, and hold memory for that.
        yield from ("--device", "none")
    if len(devices) > 1 and _SPLITS.isdisjoint(args):
        yield from ("-sm", "layer", "-ts", ",".join(str(share) for share in shares(choice)))


def shares(choice: Choice) -> list[int]:
    """Return each device's share of the layers, in whole numbers: MiB where the shares are bytes."""
    given = [share for _, share in choice.placement.devices]
    unit = MIB if min(given) >= MIB else min(given) / 1000
    return [max(1, round(share / unit)) for share in given]
