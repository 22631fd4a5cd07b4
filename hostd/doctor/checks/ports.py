"""Whether the daemon can listen where the owner wants it: addresses that are taken, by whom, or that this machine lacks."""

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from hostd.backends.addresses import local_pid
from hostd.doctor.checks.daemons import is_daemon
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, failed, fine, skipped, warned
from hostd.domain.profile import LISTEN
from hostd.gateway.http.listeners import base_url

_PATIENCE = 0.3
_LONGEST_PATH = 107 if os.uname().sysname == "Linux" else 103
"""Bytes of a unix socket's path."""


@dataclass(frozen=True, slots=True)
class ListenFacts:
    """An address to listen on: the *error* of trying (None: free), who has it, and whether it may be left out.

    *by_daemon* says that who has it is a hostd, or cannot be told.
    """

    address: str
    error: int | None = None
    pid: int | None = None
    program: str = ""
    by_daemon: bool = True
    optional: bool = False
    too_long: bool = False


def check(context: CheckContext) -> Findings:
    """Return which addresses cannot be listened on."""
    if context.problems:
        return skipped("the addresses to listen on are not known", "the configuration cannot be read")
    return judge(gather(context.settings.listen), context.daemon.address if context.daemon else None)


def gather(addresses: Sequence[str]) -> tuple[ListenFacts, ...]:
    """Return what trying each of *addresses* says; nothing listens there, and nothing is left behind."""
    optional = LISTEN[1:] if tuple(addresses) == LISTEN else ()
    return tuple(
        _socket(address) if address.startswith("unix:") else _port(address, optional=address in optional)
        for address in addresses
    )


def _port(address: str, *, optional: bool) -> ListenFacts:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        found = socket.getaddrinfo(host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, _, _, where in found:
            with socket.socket(family, kind) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tried.bind(where)
    except OSError as error:
        code = error.errno if isinstance(error.errno, int) else errno.EADDRNOTAVAIL
        if code != errno.EADDRINUSE:
            return ListenFacts(address, code, optional=optional)
        pid = local_pid(base_url(address))
        program, by_daemon = _who(pid)
        return ListenFacts(address, code, pid, program, by_daemon, optional)
    return ListenFacts(address, optional=optional)


def _socket(address: str) -> ListenFacts:
    path = Path(address.removeprefix("unix:"))
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return ListenFacts(address, errno.ENAMETOOLONG, too_long=True)
    with socket.socket(socket.AF_UNIX) as tried:
        tried.settimeout(_PATIENCE)
        if tried.connect_ex(str(path)) == 0:
            return ListenFacts(address, errno.EADDRINUSE)
    if not path.parent.is_dir():
        return ListenFacts(address, errno.ENOENT)
    return ListenFacts(address, None if os.access(path.parent, os.W_OK | os.X_OK) else errno.EACCES)


def _who(pid: int | None) -> tuple[str, bool]:
    """Return the name of a process, and whether it may be a daemon of ours."""
    if pid is not None:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            return process.name(), is_daemon(process.cmdline())
    return "", True


def judge(addresses: Sequence[ListenFacts], daemon: str | None) -> Findings:
    """Return a failure for each of *addresses* that cannot be had; *daemon* is where one answers, which has them of right."""
    found = tuple(_trouble(each) for each in addresses if _is_trouble(each, daemon))
    taken = [each.address for each in addresses if each.error == errno.EADDRINUSE]
    free = [each.address for each in addresses if each.error != errno.EADDRINUSE]
    said = ((taken, "the daemon listens there"), (free, "free to listen on"))
    return found or fine("; ".join(f"{', '.join(which)}: {what}" for which, what in said if which))


def _is_trouble(facts: ListenFacts, daemon: str | None) -> bool:
    if facts.error is None or (facts.optional and facts.error != errno.EADDRINUSE):
        return False
    return not (facts.error == errno.EADDRINUSE and daemon and facts.by_daemon)


def _trouble(facts: ListenFacts) -> CheckFinding:
    address, elsewhere = facts.address, "choose another address in server.listen"
    if facts.error == errno.EADDRINUSE:
        port = address.rpartition(":")[2]
        who = f"{facts.program or 'process'} (pid {facts.pid})" if facts.pid else "another program"
        ask = f"lsof -nU {address.removeprefix('unix:')}" if address.startswith("unix:") else f"sudo lsof -nPi :{port}"
        remedy = f"kill {facts.pid}, or {elsewhere}" if facts.pid else f"{ask} tells which; or {elsewhere}"
        if facts.optional:
            why = "hostd leaves it out, and clients that ask for localhost may reach that program instead"
            return warned(f"{address} is taken by {who}", why, remedy)
        return failed(f"{address} is taken by {who}", "hostd cannot listen there", remedy)
    if facts.error in (errno.EACCES, errno.EPERM):
        why = "ports below 1024, and folders of others, take rights that hostd should not have"
        return failed(f"this user may not listen on {address}", why, elsewhere)
    if facts.too_long:
        why = f"the path of a socket has {_LONGEST_PATH} bytes at most"
        return failed(f"{address} is too long", why, elsewhere)
    if facts.error == errno.ENOENT:
        folder = Path(address.removeprefix("unix:")).parent
        return failed(f"{address} cannot be made", f"there is no folder {folder}", f"mkdir -m 700 -p {folder}")
    return failed(f"{address} cannot be listened on", os.strerror(facts.error or 0).lower(), elsewhere)
