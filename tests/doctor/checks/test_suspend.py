"""The check of suspend, with what the driver tells of itself."""

from pathlib import Path

from hostd.doctor.checks.suspend import check
from tests.doctor.machine import machine, only

OFF = 'ResmanDebugLevel: 4294967295\nPreserveVideoMemoryAllocations: 0\nTemporaryFilePath: ""\n'
ON = OFF.replace("Allocations: 0", "Allocations: 1")
CARD = {
    "/proc/driver/nvidia/version": "NVRM version: 580.95.05",
    "/run/systemd/system/x": "",
    "/sys/power/state": "freeze mem disk",
    "/run/dbus/system_bus_socket": "",
}


def enable(root: Path, *units: str) -> None:
    """Enable *units*, as systemctl does."""
    for unit in units:
        link = root / "etc/systemd/system/systemd-suspend.service.requires" / f"{unit}.service"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/usr/lib/systemd/system/{unit}.service")


def test_without_a_card_it_does_not_matter(tmp_path: Path) -> None:
    """A processor keeps its memory."""
    assert "skipped" == only(check(machine(tmp_path))).status


def test_a_driver_as_it_is_installed(tmp_path: Path) -> None:
    """Nothing saves the cards' memory: the services and the option are both missing."""
    found = only(check(machine(tmp_path, {**CARD, "/proc/driver/nvidia/params": OFF})))
    assert "warn" == found.status
    assert found.remedy.startswith(
        "sudo systemctl enable nvidia-suspend nvidia-resume, then: echo options nvidia NVreg_"
    )


def test_the_option_alone_is_missing(tmp_path: Path) -> None:
    """The services have nothing to save without it."""
    context = machine(tmp_path, {**CARD, "/proc/driver/nvidia/params": OFF})
    enable(context.root, "nvidia-suspend", "nvidia-resume")
    assert only(check(context)).remedy.startswith("echo options nvidia NVreg_PreserveVideoMemoryAllocations=1")


def test_a_service_alone_is_missing(tmp_path: Path) -> None:
    """What is saved must be restored."""
    context = machine(tmp_path, {**CARD, "/proc/driver/nvidia/params": ON})
    enable(context.root, "nvidia-suspend")
    assert "sudo systemctl enable nvidia-resume" == only(check(context)).remedy


def test_machines_that_are_safe(tmp_path: Path) -> None:
    """All in place; a driver that the kernel tells itself; one that cannot suspend, and one that may not."""
    whole = machine(tmp_path / "a", {**CARD, "/proc/driver/nvidia/params": ON})
    enable(whole.root, "nvidia-suspend", "nvidia-resume")
    told = machine(tmp_path / "b", {**CARD, "/proc/driver/nvidia/params": f"{ON}UseKernelSuspendNotifiers: 1\n"})
    server = machine(tmp_path / "c", {**CARD, "/sys/power/state": "disk"})
    masked = machine(tmp_path / "d", {**CARD, "/etc/systemd/system/x": ""})
    masked.system("/etc/systemd/system/sleep.target").symlink_to("/dev/null")
    assert ["ok"] * 4 == [only(check(each)).status for each in (whole, told, server, masked)]


def test_a_machine_that_announces_no_sleep(tmp_path: Path) -> None:
    """Hostd can empty the cards only if logind tells it, whatever the driver saves besides."""
    without = {path: text for path, text in CARD.items() if path != "/run/dbus/system_bus_socket"}
    context = machine(tmp_path, {**without, "/proc/driver/nvidia/params": ON})
    enable(context.root, "nvidia-suspend", "nvidia-resume")
    untold, kept = check(context)
    assert ("warn", "ok") == (untold.status, kept.status)
    assert "D-Bus" in untold.why
