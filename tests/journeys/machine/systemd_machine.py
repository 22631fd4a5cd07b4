"""A real systemd in namespaces of its own (`boot` has how), with a hostd installed in /opt/hostd; it needs root, and ends whole."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

CHECKOUT = Path(__file__).parents[3]
HOSTD = "/opt/hostd/bin/hostd"
"""The program, as the machine has it."""
_BOOT = Path(__file__).with_name("boot")
_SYSTEMD = Path("/lib/systemd/systemd")
_PROGRAMS = ("unshare", "nsenter", "setpriv", "pivot_root", "systemctl", "journalctl", "ldconfig")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS = 120
_INSTALL = """
set -e
echo /opt/hostd/python/lib > /etc/ld.so.conf.d/hostd-test.conf
ldconfig
/opt/hostd/python/bin/{python} -m venv --without-pip --copies /opt/hostd
site=$(echo /opt/hostd/lib/python3*/site-packages)
printf '/opt/hostd/checkout\\n/opt/hostd/packages\\n' > $site/checkout.pth
printf '#!/opt/hostd/bin/python\\nimport sys\\nfrom hostd.__main__ import main\\nsys.exit(main())\\n' > {hostd}
chmod 755 {hostd}
/opt/hostd/bin/python -m compileall -q /opt/hostd/checkout/hostd
"""


@dataclass
class Machine:
    """A booted systemd; *pid* is that of its process 1, *shared* a folder that it has as /run/shared."""

    pid: int
    shared: Path

    def argv(self, *command: str) -> list[str]:
        """Return what runs *command* inside as root."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root"]
        return [*enter, "--", "env", "-C", "/", "-i", f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8", *command]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run *command* inside as root."""
        done = subprocess.run(self.argv(*command), capture_output=True, text=True, timeout=_SECONDS, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def sh(self, script: str) -> str:
        """Run *script* inside; return what it prints."""
        return self.run("sh", "-ec", script).stdout

    def hostd(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line inside, as root."""
        return self.run(HOSTD, *arguments, check=check)

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        command = self.argv("sh", "-ec", f'mkdir -p "$(dirname {path})"; cat > {path}')
        subprocess.run(command, input=text, text=True, timeout=_SECONDS, check=True)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return *properties* of a unit."""
        told = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").stdout
        return dict(line.partition("=")[::2] for line in told.splitlines())

    def journal(self, *arguments: str) -> str:
        """Return what the journal has."""
        return self.run("journalctl", "--no-pager", *arguments).stdout


LOGIND = (
    *("dbus.socket", "dbus.service", "systemd-logind.service", "dbus-org.freedesktop.login1.service", "polkit.service"),
    *("user@.service", "user-runtime-dir@.service", "suspend.target", "sleep.target"),
)
_UNITS = Path("/lib/systemd/system")
_SUSPEND = """
[Unit]
DefaultDependencies=no
Requires=sleep.target
After=sleep.target
[Service]
Type=oneshot
ExecStart=/bin/sleep {seconds}
"""


def start_logind(machine: Machine, seconds: float) -> None:
    """Start logind, with its bus and polkit; a suspend takes so many *seconds*, in which this machine does not really sleep.

    Skips where one of them is not installed.
    """
    if missing := [name for name in LOGIND if not (_UNITS / name).exists()]:
        pytest.skip(f"{', '.join(missing)} is not installed")
    if not Path("/sys/power/state").exists():
        pytest.skip("the kernel knows no suspend, so logind refuses one")
    machine.sh(f"cd {_UNITS}; cp -d {' '.join(LOGIND)} /run/systemd/system/")
    machine.write("/run/systemd/system/systemd-suspend.service", _SUSPEND.format(seconds=seconds))
    machine.sh("systemctl daemon-reload; systemctl start dbus.socket systemd-logind.service polkit.service")


def why_not() -> str | None:
    """Return why no systemd can be booted here; None where one can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "a systemd of its own needs Linux and root"
    if missing := [name for name in _PROGRAMS if not shutil.which(name)]:
        return f"{', '.join(missing)} is not installed"
    if not _SYSTEMD.is_file():
        return "systemd is not installed"
    if "overlay" not in Path("/proc/filesystems").read_text("ascii").split() or _hierarchy() is None:
        return "the kernel has no overlayfs, or no cgroup2 is mounted"
    made = subprocess.run(
        ["unshare", "--mount", "--pid", "--cgroup", "--fork", "true"], capture_output=True, check=False
    )
    return None if made.returncode == 0 else f"no namespaces can be made: {made.stderr.decode().strip()}"


def _hierarchy() -> Path | None:
    """Return where the second version of control groups is mounted."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    return next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)


@contextmanager
def booted(work: Path) -> Iterator[Machine]:
    """Boot a machine whose shared folder is *work*, with hostd in /opt/hostd; nothing is left of it afterwards.

    Skips where that is not possible.
    """
    if why := why_not():
        pytest.skip(why)
    group = (_hierarchy() or Path()) / f"hostd-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        with (work / "console").open("wb") as console:
            unshared = subprocess.Popen(_unshare(work, group), stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            machine = Machine(_first_process(unshared, work), work)
            _wait_until_up(machine, unshared)
            install_hostd(machine)
            yield machine
        finally:
            _end(unshared)
    finally:
        _remove(group)


def _unshare(work: Path, group: Path) -> Sequence[str]:
    spaces = ("--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child=SIGKILL")
    boot = (str(_BOOT), str(work), str(CHECKOUT), sysconfig.get_path("purelib"), sys.base_prefix)
    # Into the group first, which becomes the root of what is seen inside; and to end with this process, however that ends.
    into = f'echo $$ > {group}/cgroup.procs && exec setpriv --pdeathsig=KILL -- "$@"'
    return ("bash", "-c", into, "boot", "unshare", *spaces, *boot)


def _first_process(unshared: subprocess.Popen[bytes], work: Path) -> int:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and unshared.poll() is None:
        for child in psutil.Process(unshared.pid).children():
            if "systemd" in child.name():
                return child.pid
        time.sleep(0.02)
    raise AssertionError((work / "console").read_text("utf-8", "replace"))


def _wait_until_up(machine: Machine, unshared: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _SECONDS
    while machine.run("systemctl", "is-active", "boot.target", check=False).stdout.strip() != "active":
        console = (machine.shared / "console").read_text("utf-8", "replace")
        assert time.monotonic() < end, console
        assert unshared.poll() is None, console
        time.sleep(0.05)


def install_hostd(machine: Machine) -> None:
    """Make /opt/hostd, whose program runs this checkout with what is installed for the tests."""
    machine.sh(_INSTALL.format(python=Path(sys.executable).resolve().name, hostd=HOSTD))
    ran = machine.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", HOSTD, "version", check=False)
    if ran.returncode != 0:
        pytest.skip(f"this Python cannot be run from another folder, as another user: {ran.stderr.strip()[-200:]}")


def _end(unshared: subprocess.Popen[bytes]) -> None:
    """End process 1, and all others of the machine with it."""
    if unshared.poll() is None:
        unshared.send_signal(signal.SIGKILL)
    unshared.wait(_SECONDS)


def _remove(group: Path) -> None:
    end = time.monotonic() + _SECONDS
    while group.exists():
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            _rmdir(folder)
        if not _rmdir(group):
            assert time.monotonic() < end, f"processes are left in {group}"
            time.sleep(0.05)


def _rmdir(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
