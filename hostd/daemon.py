"""The daemon: it listens, boots, serves until it is told to stop, and shuts everything down in order."""

import asyncio
import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, redirect_stderr
from functools import partial
from importlib.util import find_spec
from typing import TextIO, cast

import structlog
from aiohttp import web

from hostd import __version__, descriptor_limit, heap, owner_key
from hostd.assembly import Application, build
from hostd.closed_memory import close_memory
from hostd.domain.catalog import Catalog
from hostd.domain.errors import HostdError
from hostd.domain.host import Host
from hostd.domain.lifecycle import State
from hostd.domain.profile import LISTEN, Settings
from hostd.domain.ticket import Task
from hostd.gateway.context import AppContext
from hostd.gateway.http.connections import Connections
from hostd.gateway.http.listeners import base_url, open_listeners
from hostd.gateway.http.passed_sockets import take_passed_sockets
from hostd.gateway.http.server import connections_to, make_server
from hostd.gateway.http.server_changes import ServerChanges
from hostd.host_sleep import HostSleep
from hostd.paths import state_directory
from hostd.runtime.file_watch import FileWatch
from hostd.scheduling.events import ShutdownRequested
from hostd.service.notify import ServiceNotifier
from hostd.service.report import ServiceReporter
from hostd.supervisor.process.state_lock import state_locked
from hostd.telemetry import decision_log
from hostd.telemetry.decision_log import Output
from hostd.telemetry.journal_entry import journal_stream
from hostd.telemetry.library_log import take_in_libraries
from hostd.telemetry.log_stream import as_stream

log = structlog.get_logger()

LOOP_SWITCH = "HOSTD_EVENT_LOOP"
"""The environment variable that names the event loop; a way out where uvloop does not run well."""

_PROGRESS_EVERY = 2.0
_SWITCH_EVERY = 0.001
_FIRST_REQUESTS = 1.0
"""Seconds that clients have which connected just before the end, to say what they want."""
_HANDLERS_GRACE = 5.0


def run(
    settings: Settings,
    *,
    log_format: str = "auto",
    log_level: str = "info",
    demo: bool = False,
    machine: Host | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. *machine* stands in for the memory of this one."""
    stream, journal = as_stream(sys.stderr), journal_stream(sys.stderr)
    output: Output = stream or sys.stderr
    try:
        # What libraries and the interpreter print there must not wait for a reader either.
        with redirect_stderr(cast("TextIO", output)):
            decisions = decision_log.configure(
                style=log_format, level=log_level, stream=sys.stderr, output=output, journal=journal
            )
            try:
                return _run_logged(settings, output, decisions, machine=machine, demo=demo)
            finally:
                decisions.flush()
    finally:
        for each in (stream, journal):
            if each is not None:
                each.close()


def _run_logged(
    settings: Settings, output: Output, decisions: decision_log.DecisionLog, *, machine: Host | None, demo: bool
) -> int:
    # The loop asks for the interpreter at each of its callbacks, and should not wait long for threads that check large bodies.
    sys.setswitchinterval(_SWITCH_EVERY)
    close_memory()
    heap.map_large_blocks_alone()
    take_in_libraries()
    descriptor_limit.raise_limit()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(settings, decisions, machine, output if demo or sys.stderr.isatty() else None))
    except HostdError as error:
        output.write(f"hostd: {error.message}\n")
        return 1
    except OSError as error:
        output.write(f"hostd: cannot start: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop: uvloop's where it is installed, unless `LOOP_SWITCH` says ``asyncio``.

    Raises:
        HostdError: The switch says something else.
    """
    choice = os.environ.get(LOOP_SWITCH) or "uvloop"
    if choice not in ("uvloop", "asyncio"):
        raise HostdError(f"{LOOP_SWITCH}={choice}: write uvloop or asyncio, or leave it out")
    if choice == "asyncio" or find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - where it is installed

    return uvloop.new_event_loop


async def _run(
    settings: Settings, decisions: decision_log.DecisionLog, machine: Host | None, person: Output | None
) -> None:
    loop = asyncio.get_running_loop()
    asked_to_stop, asked_to_reload = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_or_hurry, asked_to_stop)
    # Tools that ask for logs to be opened again must not end every engine, nor does a terminal that closes: it sends SIGHUP.
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        # Only where it would: a profiler may have set one of its own.
        if signal.getsignal(number) is signal.SIG_DFL:
            is_reload = number is signal.SIGHUP
            loop.add_signal_handler(number, asked_to_reload.set if is_reload else partial(_pass_over, number))
    notifier, passed = ServiceNotifier.from_environment(), take_passed_sockets()
    if notifier.watchdog is not None:
        # Where the loop is blocked stands in the journal when the watchdog ends the daemon.
        faulthandler.enable(file=2)
    async with AsyncExitStack() as stack:
        application = build(Catalog(settings), stack, decisions=decisions, machine=machine)
        app = application.context
        server = make_server(app)
        runner = web.ServerRunner(connections_to(server), shutdown_timeout=_HANDLERS_GRACE)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        # What the owner has written is taken as written; of what nobody has, the second address may be missing.
        optional = LISTEN[1:] if app.catalog.listen == LISTEN else ()
        app.addresses.extend(await open_listeners(runner, app.catalog.listen, optional=optional, passed=passed))
        # Before the boot ends anything: the engines that are recorded in the folder may be another daemon's, and in use.
        stack.enter_context(state_locked(state_directory()))
        stack.enter_context(owner_key.left_for_owner(app.keys.own if app.keys else None, app.addresses))
        application.reload.prepare = ServerChanges(app.catalog, server, runner, app.addresses).prepare
        log.info("listening", version=__version__, pid=os.getpid(), addresses=app.addresses, loop=type(loop).__module__)
        reporter = ServiceReporter(
            notifier, app.dispatcher, lambda: application.reload.trouble or app.memory.cards.trouble
        )
        reporter.ready()
        reporting = asyncio.create_task(reporter.run(), name="report")
        stack.callback(reporting.cancel)
        reloading = asyncio.create_task(
            application.reload.run_whenever(asked_to_reload, reporter.reloading), name="reload"
        )
        stack.callback(reloading.cancel)
        watching = asyncio.create_task(FileWatch(app.catalog, asked_to_reload.set).run(), name="watch")
        stack.callback(watching.cancel)
        boot = asyncio.create_task(_boot(application, person, stack), name="boot")
        # A boot that fails ends the daemon: nothing could ever be loaded.
        boot.add_done_callback(lambda done: asked_to_stop.set() if _failed(done) else None)
        await asked_to_stop.wait()
        reporter.stopping()
        application.reload.close()
        if passed:
            await _leave_to_next(runner)
        boot.cancel()
        await asyncio.wait({boot})
        if application.kept is not None:
            application.kept.leave()
        await _close(app)
        if _failed(boot):
            await boot  # raises what it failed with


async def _leave_to_next(runner: web.ServerRunner) -> None:
    """Accept no further connections: on sockets that stay open elsewhere they wait for the next daemon. Idle ones are closed."""
    for site in list(runner.sites):
        await site.stop()
    if isinstance(runner.server, Connections):
        await runner.server.first_requests(_FIRST_REQUESTS)
    if runner.server is not None:
        runner.server.pre_shutdown()


def _failed(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is not None


async def _boot(application: Application, person: Output | None, stack: AsyncExitStack) -> None:
    await application.boot.run()
    HostSleep(application.context).follow(stack)
    _settle()
    await _greet(application.context, person)
    # The first loads need memory of their own: threads, log lines, measurements.
    heap.trim()


def _settle() -> None:
    """Release what only the boot needed, and keep the rest out of the collector's sight: it stays for good."""
    gc.collect()
    gc.freeze()
    heap.trim()
    gc.set_threshold(10_000, 20, 20)


def _pass_over(number: signal.Signals) -> None:
    log.info("signal_ignored", signal=number.name)


def _stop_or_hurry(asked: asyncio.Event) -> None:
    if asked.is_set():
        # A second signal: the reaper ends the engines as soon as this process is gone.
        os._exit(130)
    asked.set()


async def _greet(app: AppContext, person: Output | None) -> None:
    """Log the progress of the first loads, and print what to try once they are over."""
    while not app.dispatcher.view().settled:
        try:
            async with asyncio.timeout(_PROGRESS_EVERY):
                await app.dispatcher.changed()
        except TimeoutError:
            for name, instance in app.instances.items():
                if (progress := instance.progress_of_load) is not None:
                    log.info("loading", model=name, percent=round(100 * progress))
    models = app.dispatcher.view().models
    failed = [name for name, model in models.items() if model.profile.warm.preload and model.state is State.FAILED]
    log.info("boot_done", failed=failed)
    if person is not None:
        person.write(f"{_invitation(app)}\n")


def _invitation(app: AppContext) -> str:
    url = base_url(app.addresses[0])
    chatty = [name for name, profile in app.catalog.profiles.items() if profile.capabilities.task is Task.TEXT]
    if not chatty:
        return f"\nhostd answers at {url}; it has no chat models. Add a profile to its model_profiles folder.\n"
    body = f'{{"model": "{chatty[0]}", "messages": [{{"role": "user", "content": "Hello, who are you?"}}]}}'
    return (
        f"\nhostd answers at {url}/v1 with {', '.join(app.catalog.profiles)}. Try, in another terminal:\n\n"
        f"  curl -s {url}/v1/chat/completions -H 'content-type: application/json' \\\n    -d '{body}'\n\n"
        f"or open {url}/ in a browser. Ctrl-C stops it.\n"
    )


async def _close(app: AppContext) -> None:
    """Let the answers in flight finish, then stop every engine."""
    log.info("closing")
    app.dispatcher.post(ShutdownRequested())
    for name in list(app.instances):
        await app.dispatcher.until_state(name, {State.COLD, State.FAILED})
    for instance in list(app.instances.values()):
        await instance.ended()
        instance.ring.close()
    app.recent.close()
    log.info("closed")
