"""The units by which hostd is installed."""

from pathlib import Path

from hostd.doctor.installed_units import system_unit, user_unit
from tests.doctor.machine import machine, write

UNIT = (
    "[Unit]\nUser=nobody\n[Service]\nUser=hostd\nPrivateDevices=yes\n# User=x\n"
    "DeviceAllow=char-nvidia rw\nDeviceAllow=char-drm rw\n"
)


def test_without_units_there_are_none(tmp_path: Path) -> None:
    """A machine on which hostd was never installed as a service."""
    context = machine(tmp_path)
    assert (None, None) == (system_unit(context), user_unit(context))


def test_the_system_unit_with_its_drop_ins(tmp_path: Path) -> None:
    """What the owner has added comes last; an empty value forgets those before it."""
    drop = "[Service]\nPrivateDevices=no\nDeviceAllow=\nDeviceAllow=char-kfd rw\n"
    context = machine(
        tmp_path,
        {"/etc/systemd/system/hostd.service": UNIT, "/etc/systemd/system/hostd.service.d/gpu.conf": drop},
    )
    unit = system_unit(context)
    assert unit is not None
    assert ("hostd", False, False) == (unit.last("User"), unit.is_on("PrivateDevices"), unit.user_unit)
    assert {"char-kfd", "rw"} == unit.words("DeviceAllow")
    assert "" == unit.last("Group")


def test_the_users_unit(tmp_path: Path) -> None:
    """Below the folder of the user's configuration, wherever that is."""
    write(tmp_path / "config/systemd/user/hostd.service", UNIT)
    unit = user_unit(machine(tmp_path, environ={"XDG_CONFIG_HOME": str(tmp_path / "config")}))
    assert unit is not None
    assert (True, True) == (unit.user_unit, unit.is_on("PrivateDevices"))
    write(tmp_path / "home/.config/systemd/user/hostd.service", "[Service]\n")
    assert user_unit(machine(tmp_path)) is not None
