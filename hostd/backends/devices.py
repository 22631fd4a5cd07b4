"""Which accelerators an engine may see, so that it loads where the plan placed it and holds nothing of the others.

Pools are numbered as the PCI bus orders the cards. CUDA orders them by speed unless it is told otherwise; ROCm does not.
"""

import re
from collections.abc import Mapping

from hostd.backends.visible_cards import BY_BUS, CUDA, CUDA_ORDER, HIP, ROCR
from hostd.planning.warm_set.load_option import SLICE, LoadOption

_NUMBERED = re.compile(r"(cuda|rocm):(\d+)")
_NONE = "-1"


def is_placed(option: LoadOption | None) -> bool:
    """Return whether *option* says where the model is loaded; without known needs, the engine decides."""
    return option is not None and bool(option.needs)


def visible_devices(option: LoadOption | None, environ: Mapping[str, str], *, as_shown: bool = False) -> dict[str, str]:
    """Return the variables that show an engine the devices of *option* only, in its order; no devices at all on the host.

    *environ* is what the engine would get without them; devices that it hides are in no option. *as_shown* leaves the list there as
    it is, because the owner's flags count by it. Where the engine decides, as on a host whose graphics are not measured, the
    result says only how CUDA counts. A slice of a card (MIG) is known to CUDA by its UUID alone.
    """
    counted = {CUDA_ORDER: BY_BUS} if CUDA_ORDER not in environ and (as_shown or CUDA in environ) else {}
    if option is None or not is_placed(option) or as_shown:
        return counted
    if not option.placement.devices:
        # An index that no device has hides all of them from CUDA and ROCm alike.
        return dict.fromkeys((CUDA, HIP), _NONE) if option.hides else counted
    if uuids := [option.slices.get(pool) for pool, _ in option.placement.devices if SLICE in pool]:
        return {CUDA: uuids[0]} if len(uuids) == 1 and uuids[0] else {}
    found = [_NUMBERED.fullmatch(pool) for pool, _ in option.placement.devices]
    kinds = {each[1] for each in found if each}
    if len(kinds) != 1 or not all(found):
        return counted
    listed = ",".join(each[2] for each in found if each)
    if kinds == {"cuda"}:
        return {CUDA_ORDER: BY_BUS, CUDA: listed}
    # HIP numbers what ROCr's list has left.
    return {ROCR: listed, HIP: ",".join(map(str, range(len(found))))} if ROCR in environ else {HIP: listed}
