"""``hostd service``: have systemd or launchd start the daemon, and keep it."""

import os
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from hostd.cli.exits import Code, VerbError
from hostd.cli.options import AsJson
from hostd.cli.output import emit, say, show_pairs, write_line

if TYPE_CHECKING:
    from hostd.service.installation import Scope, ServiceManager, ServiceOrder

app = typer.Typer(help="Have systemd or launchd start the daemon.", no_args_is_help=True)

User = Annotated[bool, typer.Option("--user", help="This user's own service (the default, unless root asks).")]
System = Annotated[bool, typer.Option("--system", help="The whole machine's service, from boot on; needs root.")]
Print = Annotated[bool, typer.Option("--print", help="Do nothing; show what would be written and run.")]


@app.command()
def install(  # noqa: PLR0913 - a command line's options are its contract
    *,
    user: User = False,
    system: System = False,
    socket: Annotated[
        bool, typer.Option("--socket", help="Have systemd hold the addresses, so that a restart refuses no client.")
    ] = False,
    linger: Annotated[bool, typer.Option("--linger", help="Have a user's service run from boot on, too.")] = False,
    keep_engines: Annotated[
        bool,
        typer.Option("--keep-engines", help="Leave engines running when the daemon ends; the next one adopts them."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were changed.")] = False,
    show: Print = False,
) -> None:
    """Install the service, start it, and have it started again after each boot or login."""
    from hostd.service.installation import Scope
    from hostd.service.steps import described, differences, run_steps

    scope = _scope(user=user, system=system) or _usual()
    manager = _manager(scope)
    order = replace(_order(scope, socket=socket, linger=linger), keep_engines=keep_engines)
    steps = manager.install(order)
    if show:
        for line in described(steps):
            write_line(line)
        return
    _check_rights(manager)
    _check_program(scope, order)
    other = _manager(Scope.USER if scope is Scope.SYSTEM else Scope.SYSTEM)
    if other.files()[0].exists():
        raise VerbError(
            f"a service of the {other.scope} is installed ({other.files()[0]}), and two would hold the same memory; "
            f"first run: hostd service uninstall --{other.scope}"
        )
    if (changed := differences(steps)) and not force:
        for line in changed.splitlines():
            write_line(line, err=True)
        raise VerbError("files that are there differ from what this hostd installs; to overwrite them: --force")
    run_steps(steps)
    say(f"installed and started: {manager.files()[0]}")
    for line in manager.advice(order):
        say(line)


@app.command()
def uninstall(*, user: User = False, system: System = False, show: Print = False) -> None:
    """Stop the service and remove its files; models, state and configuration stay."""
    from hostd.service.steps import described, run_steps

    manager = _installed(_scope(user=user, system=system))
    if not any(path.exists() for path in manager.files()):
        say(f"no service of the {manager.scope} is installed")
        return
    steps = manager.uninstall()
    if show:
        for line in described(steps):
            write_line(line)
        return
    _check_rights(manager, running=False)
    run_steps(steps)
    say(f"uninstalled: {manager.files()[0]}")
    for line in manager.remains():
        say(line)


@app.command()
def status(*, user: User = False, system: System = False, json: AsJson = False) -> None:
    """Say what systemd or launchd knows of the service; exit code 3 where it does not run, 1 where it has failed."""
    manager = _installed(_scope(user=user, system=system))
    found = manager.state()
    if json:
        emit(asdict(found))
    else:
        shown = {
            "service": f"{manager.files()[0]}{'' if found.installed else ' (not installed)'}",
            "state": found.state,
            "status": found.status,
            "at boot": None if found.enabled is None else "yes" if found.enabled else "no",
            "pid": found.pid,
            "restarts": found.restarts,
            "next": found.next_step,
        }
        show_pairs((name, str(value)) for name, value in shown.items() if value is not None)
    raise typer.Exit(Code.FAILURE if found.failed else Code.OK if found.running else Code.UNREACHABLE)


def _scope(*, user: bool, system: bool) -> "Scope | None":
    from hostd.service.installation import Scope

    if user and system:
        raise VerbError("--user and --system exclude each other; leave one out", Code.USAGE)
    return Scope.USER if user else Scope.SYSTEM if system else None


def _usual() -> "Scope":
    from hostd.service.installation import Scope

    return Scope.SYSTEM if os.geteuid() == 0 else Scope.USER


def _installed(scope: "Scope | None") -> "ServiceManager":
    """Return the manager of *scope*; without one, of that for which a service is installed, else of the usual one."""
    from hostd.service.installation import Scope

    usual = _usual()
    order = (scope,) if scope else (usual, *(each for each in Scope if each is not usual))
    managers = [_manager(each) for each in order]
    return next((each for each in managers if each.files()[0].exists()), managers[0])


def _manager(scope: "Scope") -> "ServiceManager":
    if sys.platform == "darwin":
        from hostd.service.launchd import Launchd

        return Launchd(scope)
    from hostd.service.systemd import Systemd

    return Systemd(scope)


def _order(scope: "Scope", *, socket: bool, linger: bool) -> "ServiceOrder":
    from hostd.service.installation import ServiceOrder, own_program, search_path

    if socket and sys.platform == "darwin":
        raise VerbError("--socket is systemd's; launchd restarts hostd without it", Code.USAGE)
    return ServiceOrder(own_program(), search_path(os.environ), _addresses(scope) if socket else (), linger)


def _addresses(scope: "Scope") -> tuple[str, ...]:
    """Return where the service of *scope* is to listen, by the files that it will read."""
    from hostd.config.load import load  # costs 0.1 s, which the other verbs do without
    from hostd.config.locate import SYSTEM
    from hostd.domain.profile import LISTEN
    from hostd.service.installation import Scope

    if scope is Scope.USER:
        return load().listen
    return load(SYSTEM).listen if SYSTEM.exists() else LISTEN


def _check_rights(manager: "ServiceManager", *, running: bool = True) -> None:
    from hostd.service.installation import Scope

    if manager.scope is Scope.SYSTEM and os.geteuid():
        raise VerbError("a service of the whole machine is root's to change; run this with sudo", Code.NOT_ALLOWED)
    if manager.scope is Scope.USER and not os.geteuid():
        raise VerbError("root has no service of its own; run this as the user, or with --system", Code.NOT_ALLOWED)
    if running and (why := manager.unavailable()):
        raise VerbError(why)


def _check_program(scope: "Scope", order: "ServiceOrder") -> None:
    from hostd.service.installation import Scope, hidden_part

    if sys.platform != "darwin" and scope is Scope.SYSTEM and (hidden := hidden_part(order.program)):
        raise VerbError(
            f"this hostd needs {hidden}, which the whole machine's service does not see; install it elsewhere: "
            f"/usr/bin/python3 -m venv /opt/hostd && /opt/hostd/bin/pip install hostd && /opt/hostd/bin/hostd service install"
        )
