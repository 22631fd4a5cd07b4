"""The check of graphics cards in the service."""

import os
from pathlib import Path

import pytest

from hostd.doctor.checks.graphics import DeviceFile, GraphicsFacts, gather, judge
from hostd.doctor.context import RunningDaemon
from hostd.doctor.installed_units import InstalledUnit
from tests.doctor.machine import machine, only, said

CARD = DeviceFile("/dev/nvidia0", usable=True, group="root", for_all=True)
CONTROL = DeviceFile("/dev/nvidiactl", usable=True, group="root", for_all=True)
UVM = DeviceFile("/dev/nvidia-uvm", usable=True, group="root", for_all=True)
KFD = DeviceFile("/dev/kfd", usable=False, group="render")
NVIDIA = (CARD, CONTROL, UVM)


def unit(**values: str) -> InstalledUnit:
    """Return a system unit with these settings."""
    given = {key: (value,) for key, value in values.items()}
    return InstalledUnit("/etc/systemd/system/hostd.service", user_unit=False, values=given)


def test_a_machine_without_cards() -> None:
    """There is nothing to hide."""
    assert "skipped" == only(judge(GraphicsFacts())).status


def test_cards_that_the_daemon_does_not_see() -> None:
    """What this terminal sees and the daemon does not is hidden from it."""
    facts = GraphicsFacts(("cuda:0", "cuda:1"), ("cuda:0", "ram"), "http://127.0.0.1:11435", NVIDIA)
    found = only(judge(facts))
    assert ("fail", "the daemon at http://127.0.0.1:11435 does not see cuda:1") == (found.status, found.what)
    assert "ok" == only(judge(GraphicsFacts(("cuda:0",), ("cuda:0", "ram"), files=NVIDIA))).status


def test_a_degraded_daemon() -> None:
    """What it says of its cards is a failure, also where this terminal sees none any more."""
    facts = GraphicsFacts(address="http://127.0.0.1:1", daemon=("ram",), troubles=("cuda:0 has vanished",))
    found = only(judge(facts))
    assert ("fail", "the daemon at http://127.0.0.1:1 is degraded") == (found.status, found.what)
    assert found.why.startswith("cuda:0 has vanished; ")


def test_files_that_this_user_may_not_use() -> None:
    """The groups that may are named; a new login is needed."""
    found = only(judge(GraphicsFacts(files=(KFD,), user="ann")))
    assert ("fail", "sudo usermod -aG render ann") == (found.status, found.remedy)


def test_cuda_needs_a_second_module() -> None:
    """NVML answers without it, and no engine starts."""
    assert ("fail", "sudo nvidia-modprobe -u -c=0") == said(judge(GraphicsFacts(("cuda:0",), files=(CARD, CONTROL))))


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"PrivateDevices": "yes"}, "fail"),
        ({"PrivateDevices": "no"}, "ok"),
        ({"DevicePolicy": "closed"}, "fail"),
        ({"DevicePolicy": "closed", "DeviceAllow": "char-nvidia rw"}, "ok"),
        ({"DevicePolicy": "strict", "DeviceAllow": "/dev/nvidia0 rw"}, "ok"),
        ({"DevicePolicy": "auto"}, "ok"),
    ],
    ids=["private", "not private", "closed", "allowed", "allowed by path", "auto"],
)
def test_walls_of_a_unit(settings: dict[str, str], status: str) -> None:
    """The remedy is a line for the unit."""
    found = only(judge(GraphicsFacts(("cuda:0",), files=NVIDIA, units=(unit(**settings),))))
    assert status == found.status
    assert status == "ok" or found.remedy.startswith("systemctl edit hostd.service")


def test_a_service_of_another_user() -> None:
    """It needs the groups of the cards' files, from the unit or from the system."""
    card = DeviceFile("/dev/dri/renderD128", usable=True, group="no-such-group")
    facts = GraphicsFacts(("rocm:0",), files=(card,), units=(unit(User="no-such-user"),))
    assert ("fail", "sudo usermod -aG no-such-group no-such-user") == said(judge(facts))
    helped = unit(User="no-such-user", SupplementaryGroups="video no-such-group")
    assert "ok" == only(judge(GraphicsFacts(("rocm:0",), files=(card,), units=(helped,)))).status


def test_variables_that_hide_cards() -> None:
    """Engines inherit them."""
    facts = GraphicsFacts(("cuda:0",), files=NVIDIA, hiding=("CUDA_VISIBLE_DEVICES",))
    assert ("warn", "unset CUDA_VISIBLE_DEVICES") == said(judge(facts))


def test_facts_of_a_recorded_machine(tmp_path: Path) -> None:
    """Device files with their groups, the daemon's pools, and a variable that is set to none."""
    context = machine(
        tmp_path,
        {"/dev/kfd": "", "/dev/dri/renderD128": "", "/dev/dri/card0": "", "/dev/null": ""},
        environ={"HIP_VISIBLE_DEVICES": "", "CUDA_VISIBLE_DEVICES": "0"},
        daemon=RunningDaemon("http://127.0.0.1:1", ("ram",)),
    )
    context.system("/dev/kfd").chmod(0o666)
    facts = gather(context)
    assert ["/dev/dri/renderD128", "/dev/kfd"] == [file.path for file in facts.files]
    assert [False, True] == [file.for_all for file in facts.files]
    assert all(file.usable and file.group for file in facts.files)
    assert (("HIP_VISIBLE_DEVICES",), ("ram",)) == (facts.hiding, facts.daemon)
    assert os.geteuid() == context.system("/dev/kfd").stat().st_uid
