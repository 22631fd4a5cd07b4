"""An engine sees the cards that it was given, and no others."""

from dataclasses import replace

import pytest

from hostd.backends.devices import is_placed, visible_devices
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption

BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def on(*pools: str) -> LoadOption:
    """Return a choice for these devices."""
    return LoadOption(0, "m", Placement.on(*pools), needs={"ram": 1})


@pytest.mark.parametrize(
    ("pools", "variables"),
    [
        (("cuda:1",), BUS | {"CUDA_VISIBLE_DEVICES": "1"}),
        (("cuda:2", "cuda:0"), BUS | {"CUDA_VISIBLE_DEVICES": "2,0"}),
        (("rocm:0", "rocm:1"), {"HIP_VISIBLE_DEVICES": "0,1"}),
        (("metal",), {}),
        (("cuda:0:mig1",), {}),
        ((), {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}),
    ],
)
def test_a_placement_becomes_variables(pools: tuple[str, ...], variables: dict[str, str]) -> None:
    """In its own order, numbered as pools are; without devices, none is seen."""
    assert variables == visible_devices(on(*pools), {"PATH": "/bin"})


def test_a_slice_is_known_by_its_uuid() -> None:
    """CUDA numbers no slices of a card (MIG), and shows a process one of them."""
    uuids = {"cuda:0:mig0": "MIG-aaaa", "cuda:0:mig1": "MIG-bbbb"}
    option = replace(on("cuda:0:mig1"), slices=uuids)
    assert {"CUDA_VISIBLE_DEVICES": "MIG-bbbb"} == visible_devices(option, {})
    assert {} == visible_devices(replace(on("cuda:0:mig0", "cuda:0:mig1"), slices=uuids), {})


def test_what_is_not_measured_is_not_hidden() -> None:
    """On a host whose graphics are there and tell nothing, the engine decides."""
    assert {} == visible_devices(replace(on(), hides=False), {})


def test_the_owners_list_is_narrowed_or_left_alone() -> None:
    """By an option, which is on cards that he shows, or not at all where his flags count by it; counted by the bus either way."""
    shown = {"CUDA_VISIBLE_DEVICES": "2,1"}
    assert BUS | {"CUDA_VISIBLE_DEVICES": "1"} == visible_devices(on("cuda:1"), shown)
    assert visible_devices(on("cuda:1"), shown, as_shown=True) == BUS == visible_devices(None, shown)
    assert {} == visible_devices(on("cuda:1"), shown | {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, as_shown=True)


def test_hip_numbers_what_rocr_has_left() -> None:
    """So both lists are said anew."""
    assert {"ROCR_VISIBLE_DEVICES": "3,1", "HIP_VISIBLE_DEVICES": "0,1"} == visible_devices(
        on("rocm:3", "rocm:1"), {"ROCR_VISIBLE_DEVICES": "1,3"}
    )


@pytest.mark.parametrize("option", [None, LoadOption(0, "m")])
def test_of_what_nothing_is_known_nothing_is_said(option: LoadOption | None) -> None:
    """The engine decides for itself."""
    assert not is_placed(option)
    assert {} == visible_devices(option, {})
