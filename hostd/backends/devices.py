"""Which accelerators an engine may see, so that it loads where the plan placed it and holds nothing of the others.

Pools are numbered as the PCI bus orders the cards. CUDA orders them by speed unless it is told otherwise; ROCm does not.
"""

import re
from collections.abc import Mapping

from hostd.planning.warm_set.load_option import SLICE, LoadOption

_NUMBERED = re.compile(r"(cuda|rocm):(\d+)")
_VARIABLES = {"cuda": "CUDA_VISIBLE_DEVICES", "rocm": "HIP_VISIBLE_DEVICES"}
_NONE = "-1"


def is_placed(option: LoadOption | None) -> bool:
    """Return whether *option* says where the model is loaded; without known needs, the engine decides."""
    return option is not None and bool(option.needs)


def visible_devices(option: LoadOption | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that show an engine the devices of *option* only, in its order; no devices at all on the host.

    The result is empty where the engine decides, as on a host whose graphics are not measured, and where *environ* has such a
    variable already, since then the owner has chosen. A slice of a card (MIG) is known to CUDA by its UUID alone.
    """
    if option is None or not is_placed(option) or any(name in environ for name in _VARIABLES.values()):
        return {}
    if not option.placement.devices:
        if not option.hides:
            return {}
        # An index that no device has hides all of them from CUDA and ROCm alike.
        return dict.fromkeys(_VARIABLES.values(), _NONE)
    if uuids := [option.slices.get(pool) for pool, _ in option.placement.devices if SLICE in pool]:
        return {_VARIABLES["cuda"]: uuids[0]} if len(uuids) == 1 and uuids[0] else {}
    found = [_NUMBERED.fullmatch(pool) for pool, _ in option.placement.devices]
    kinds = {each[1] for each in found if each}
    if len(kinds) != 1 or not all(found):
        return {}
    (kind,) = kinds
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if kind == "cuda" else {}
    return order | {_VARIABLES[kind]: ",".join(each[2] for each in found if each)}
