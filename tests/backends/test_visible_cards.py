"""Which cards the owner's variables show, as the drivers read them."""

from dataclasses import replace

import pytest

from hostd.backends.visible_cards import device_variables, named_devices, of_names, visible_cards
from hostd.domain.host import Host
from tests.planning.machines import machine

UUIDS = ("GPU-8932f937-d72c", "GPU-8932aaaa-0000", "GPU-1234beef-cafe")


def cards(kind: str = "cuda", names: tuple[str, ...] = ("RTX 3090",) * 3) -> Host:
    """Return a machine with three cards, each with its UUID."""
    host = machine(24, 24, 24, kind=kind)
    pools = [
        replace(pool, name=name, facts=(("uuid", uuid),))
        for pool, uuid, name in zip(host.pools, UUIDS, names, strict=False)
    ]
    return replace(host, pools=(*pools, host.pools[-1]))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("0,1,2", None),
        ("2,0", ("cuda:2", "cuda:0")),
        (" 1 ", ("cuda:1",)),
        ("GPU-8932f", ("cuda:0",)),
        ("gpu-1234BEEF,0", ("cuda:2", "cuda:0")),
        ("GPU-8932", ()),
        ("GPU-0000", ()),
        ("", ()),
        ("-1", ()),
        ("1,-1,0", ("cuda:1",)),
        ("1,7,0", ("cuda:1",)),
        ("1,1", ()),
        ("NoDevFiles", ()),
    ],
)
def test_cuda_reads_its_list_up_to_what_is_no_card(text: str, seen: tuple[str, ...] | None) -> None:
    """In the order of the list; what is named twice shows nothing at all. Source: the CUDA programming guide."""
    found = visible_cards(cards(), {"CUDA_VISIBLE_DEVICES": text})
    assert (seen, ()) == (found.pools, found.unreckoned)
    assert ("" if seen is None else f"CUDA_VISIBLE_DEVICES={text}") in found.why


@pytest.mark.parametrize(
    ("environ", "seen"),
    [
        ({"HIP_VISIBLE_DEVICES": "1"}, ("rocm:1",)),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ("rocm:1",)),
        ({"HIP_VISIBLE_DEVICES": "", "CUDA_VISIBLE_DEVICES": ""}, None),
        ({"ROCR_VISIBLE_DEVICES": "2,1", "HIP_VISIBLE_DEVICES": "1"}, ("rocm:1",)),
        ({"ROCR_VISIBLE_DEVICES": "GPU-1234"}, ("rocm:2",)),
        ({"ROCR_VISIBLE_DEVICES": ""}, ()),
    ],
)
def test_hip_numbers_what_rocr_leaves(environ: dict[str, str], seen: tuple[str, ...] | None) -> None:
    """And reads CUDA's list where it has none of its own."""
    assert seen == visible_cards(cards("rocm"), environ).pools


def test_a_slice_goes_by_its_uuid_and_a_cut_card_by_its_first_slice() -> None:
    """CUDA shows a program one slice (MIG)."""
    host = machine(40, 40)
    slices = [
        replace(pool, id=f"cuda:0:mig{number}", facts=(("uuid", f"MIG-{number}{number}"),))
        for number, pool in enumerate(host.pools[:2])
    ]
    host = replace(host, pools=(*slices, host.pools[-1]))
    assert ("cuda:0:mig1",) == visible_cards(host, {"CUDA_VISIBLE_DEVICES": "MIG-11"}).pools
    assert ("cuda:0:mig0",) == visible_cards(host, {"CUDA_VISIBLE_DEVICES": "0"}).pools


@pytest.mark.parametrize(
    ("host", "environ", "named"),
    [
        (machine(24, 24), {"CUDA_VISIBLE_DEVICES": "GPU-1"}, "CUDA_VISIBLE_DEVICES"),
        (
            cards(names=("RTX 3060", "RTX 5090", "RTX 3060")),
            {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"},
            "CUDA_VISIBLE_DEVICES",
        ),
        (machine(24, 24), {"GGML_VK_VISIBLE_DEVICES": "1"}, "GGML_VK_VISIBLE_DEVICES"),
    ],
)
def test_what_cannot_be_told_is_named(host: Host, environ: dict[str, str], named: str) -> None:
    """A UUID on a machine that is only described, an order by speed among unlike cards, Vulkan's own numbers."""
    assert (named,) == visible_cards(host, environ).unreckoned


def test_an_order_by_speed_is_that_of_the_bus_among_like_cards() -> None:
    """So nothing is in doubt; nor by Vulkan's numbers where there is one card."""
    found = visible_cards(cards(), {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"})
    assert (("cuda:1",), ()) == (found.pools, found.unreckoned)
    assert () == visible_cards(machine(24), {"GGML_VK_VISIBLE_DEVICES": "1"}).unreckoned


def test_llama_cpp_names_devices_by_their_place_among_the_visible() -> None:
    """CUDA1 is the second of those; a name of another kind is none of hostd's."""
    assert ("cuda:0",) == of_names(("CUDA1",), ("cuda:2", "cuda:0"))
    assert ("metal",) == of_names(("MTL0",), ("metal",)) == of_names(("Metal",), ("metal",))
    assert of_names(("CUDA2",), ("cuda:2", "cuda:0")) is None
    assert ("CUDA0", "ROCm1") == named_devices("CUDA0, ROCm1")
    assert named_devices("CUDA0,Vulkan0") is None


def test_only_the_drivers_variables_are_taken() -> None:
    """What else is in the environment is nobody's to know."""
    assert {"ROCR_VISIBLE_DEVICES": "0"} == device_variables({"PATH": "/bin", "ROCR_VISIBLE_DEVICES": "0"})
