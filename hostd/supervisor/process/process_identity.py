"""Which process a pid means: the boot that it runs in, and when in that boot it began.

The system gives a pid to another program once its process has ended. A start as a date would tell the two apart only while nobody
sets the clock: Linux computes it from a boot time that moves with the clock. So the start is compared as the kernel keeps it, and a
record that outlives the daemon names the boot as well.
"""

import ctypes
import struct
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"
# proc_bsdinfo of macOS's <sys/proc_info.h>: pbi_start_tvsec and pbi_start_tvusec are its last two members.
_BSD_INFO, _BSD_INFO_BYTES, _BSD_START = 3, 136, 120


@cache
def boot_id() -> str:
    """Return what is different after each start of the machine, and the same until then; "" where the system does not say."""
    if sys.platform == "darwin":
        return _sysctl(b"kern.bootsessionuuid")
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def start_of(pid: int, proc: Path = _PROC) -> str | None:
    """Return when *pid* began, in the kernel's own count (only good for comparing), or None when no such process is alive."""
    if sys.platform == "darwin":
        return _start_on_macos(pid)
    try:
        # proc(5): the name in the second field may hold spaces and brackets; the state is the third field.
        fields = (proc / str(pid) / "stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    # A zombie has ended; its parent only does not know yet. The 22nd field is the start in clock ticks since the boot.
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None


def is_same(pid: int, start: str) -> bool | None:
    """Return whether *pid* is the process that began at *start* of this boot; None when no such process is alive."""
    found = start_of(pid)
    return None if found is None else found == start


def _start_on_macos(pid: int) -> str | None:
    about = ctypes.create_string_buffer(_BSD_INFO_BYTES)
    libproc = ctypes.CDLL("/usr/lib/libproc.dylib")
    if libproc.proc_pidinfo(pid, _BSD_INFO, ctypes.c_uint64(0), about, _BSD_INFO_BYTES) == _BSD_INFO_BYTES:
        return bsd_start(about.raw)
    # Of another user's process it says nothing: that is certainly not one of ours.
    with suppress(psutil.Error):
        return None if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE else "?"
    return None


def bsd_start(about: bytes) -> str:
    """Return the start in a ``proc_bsdinfo``: seconds and microseconds, which macOS notes once and never corrects."""
    seconds, microseconds = struct.unpack_from("=QQ", about, _BSD_START)
    return f"{seconds}.{microseconds:06d}"


def _sysctl(name: bytes) -> str:
    text, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    failed = ctypes.CDLL(None).sysctlbyname(name, text, ctypes.byref(size), None, ctypes.c_size_t(0))
    return "" if failed else text.value.decode("ascii", "replace")
