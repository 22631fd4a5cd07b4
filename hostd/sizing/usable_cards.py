"""The cards that a model's engine may use: those that the owner's variables show it, and of these the ones that its flags name."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from hostd.backends.visible_cards import VisibleCards, of_names
from hostd.domain.host import Host
from hostd.planning.footprint.llamacpp_serving import Serving
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.footprint.tensor_overrides import HOST_BUFFERS

BackendVariables = Callable[[str], Mapping[str, str]]
"""The drivers' variables that the engines of a backend get, without those of a profile."""


def with_flags(seen: VisibleCards, serving: Serving, host: Host) -> tuple[VisibleCards, Serving, int | None]:
    """Return which of the *seen* cards llama-server uses by the owner's flags, the serving, and how many it uses (None: any).

    What cannot be told is in the serving's `unreckoned`.
    """
    pools = tuple(pool.id for pool in host.accelerators) if seen.pools is None else seen.pools
    unknown, count, named = {*serving.unreckoned, *seen.unreckoned}, None, pools
    if serving.device_names:
        found = of_names(serving.device_names, pools)
        named, count = (pools, None) if found is None else (found, len(found))
        unknown |= {"device"} if found is None else set()
    if serving.split == "none" and named:
        # Without a number the engine takes the first it sees, which is whichever hostd shows it.
        at = serving.main_gpu or 0
        named, count = (named[at : at + 1], 1) if serving.main_gpu is not None else (named, 1)
        unknown |= {"main-gpu"} if not named else set()
    elif serving.tensor_split:
        named, count = named[: len(serving.tensor_split)], len(serving.tensor_split)
    elif serving.moves_to_devices and count is None:
        count = len(named)
    if any(of_names((each.buffer,), named) is None for each in serving.moved if each.buffer not in HOST_BUFFERS):
        unknown.add("override-tensor")
    serving = replace(serving, unreckoned=tuple(sorted(unknown)))
    return (seen if named == pools else replace(seen, pools=named)), serving, count


def on_cards(mode: ServingMode, seen: VisibleCards, host: Host) -> ServingMode:
    """Return *mode* on the *seen* cards alone."""
    if seen.pools is None:
        return mode
    notes = (*mode.notes, *((seen.why,) if seen.why else ()))
    mode = replace(mode, seen=seen.pools, notes=notes)
    if mode.cards_only and not seen.pools and host.accelerators:
        return replace(mode, why_not=lambda _: f"{mode.backend} needs a card, and {seen.why}")
    return mode
