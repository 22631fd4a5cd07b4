"""Bodies are read as far as routing needs, large ones by a process of their own.

A decoder keeps Python's interpreter lock while it works: 30 MiB stop all other requests for 60 ms, with several bodies each turn of
the loop. So they are sent through a pipe to a child, one after another, which answers with where the members lie. It is started by
the first of them, and ended when none has come for a while. Where there can be no child, they are read here after all.
"""

import asyncio
import fcntl
import os
import pickle
import select
import sys
import time
from contextlib import suppress
from pathlib import Path

import structlog

import hostd
from hostd.backends.in_turn import in_turn_always
from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.document_layout import Layout, document_of
from hostd.dialects.json_text import SMALL
from hostd.domain.errors import RequestError
from hostd.gateway import body_reader_child
from hostd.gateway.body_reader_child import ANSWER, ORDER, RefusedBody
from hostd.programs import PIPE, Program, end_program, quiet_environment, start_program

log = structlog.get_logger()

LARGE = 1024 * 1024
MANY_COLONS = 20_000
"""Bytes, and possible keys, from which a body may hold up others for some 10 ms."""
IDLE = 60.0
"""Seconds that the child is kept for a next body: it holds 20 MB, and takes a quarter of a second to start."""

_PATIENCE = 60.0
"""Seconds in which the child must read a body; 32 MiB take less than one where a processor is free."""
_GRACE = 2.0
_PIPE_SIZE, _PIECE = 1 << 20, 1 << 20
# Not `-m`: what the child answers with are classes of this module, and not of one that is called __main__.
_ARGV = (sys.executable, "-c", f"from {body_reader_child.__name__} import main; main()")


class BodyReader:
    """Reads bodies. Its child belongs to the one thread in which large bodies have their turn."""

    def __init__(self, large: int = LARGE, idle: float = IDLE) -> None:
        self._large = large
        self._idle = idle
        self._child: Program | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._end_task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's, None while there is none."""
        return None if self._child is None else self._child.pid

    async def read(self, dialect: Dialect, body: bytes) -> InferenceRequest:
        """Return the request in *body*.

        Raises:
            RequestError: It is no JSON object, names no model, or asks for what is out of bounds.
        """
        if not self._is_large(body):
            return await in_turn_always(registry.client_dialect(dialect).parse, body)
        self._stay()
        try:
            return await in_turn_always(self._read, dialect, body)
        finally:
            self._ending = asyncio.get_running_loop().call_later(self._idle, self._end_soon)

    async def close(self) -> None:
        """End the child."""
        self._stay()
        await in_turn_always(self._end)

    def _is_large(self, body: bytes) -> bool:
        return len(body) > self._large or (len(body) > SMALL and body.count(b":") > MANY_COLONS)

    def _stay(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _end_soon(self) -> None:
        self._ending = None
        self._end_task = asyncio.get_running_loop().create_task(in_turn_always(self._end))

    def _read(self, dialect: Dialect, body: bytes) -> InferenceRequest:
        # The one that is there may have died since.
        for _ in range(1 if self._child is None else 2):
            try:
                return _request(self._ask(dialect, body), body)
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                log.warning("body_reader_failed", why=f"{type(error).__name__}: {error}", bytes=len(body))
                self._end()
        return registry.client_dialect(dialect).parse(body)

    def _ask(self, dialect: Dialect, body: bytes) -> bytes:
        child = self._child = self._child or _start()
        assert child.stdin is not None and child.stdout is not None  # noqa: PT018, S101 - pipes were asked for
        deadline, name = time.monotonic() + _PATIENCE, dialect.encode("ascii")
        _write(child.stdin.fileno(), ORDER.pack(len(name), len(body)) + name, deadline)
        _write(child.stdin.fileno(), body, deadline)
        output = child.stdout.fileno()
        (size,) = ANSWER.unpack(_read_from(output, ANSWER.size, deadline))
        return _read_from(output, size, deadline)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            end_program(child, _GRACE)


def _start() -> Program:
    # glibc keeps large blocks that were freed, unless it is told from which size on it need not.
    surroundings = {
        "PYTHONPATH": str(Path(hostd.__file__).parents[1]),
        "PYTHONSAFEPATH": "1",
        "MALLOC_MMAP_THRESHOLD_": str(LARGE),
    }
    child = start_program(_ARGV, quiet_environment() | surroundings, stdin=PIPE, stdout=PIPE)
    assert child.stdin is not None and child.stdout is not None  # noqa: PT018, S101 - pipes were asked for
    for pipe in (child.stdin, child.stdout):
        os.set_blocking(pipe.fileno(), False)
    with suppress(AttributeError, OSError):
        fcntl.fcntl(child.stdin.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return child


def _write(pipe: int, data: bytes, deadline: float) -> None:
    left = memoryview(data)
    while left:
        _wait(pipe, select.POLLOUT, deadline)
        with suppress(BlockingIOError):
            left = left[os.write(pipe, left[:_PIECE]) :]


def _read_from(pipe: int, size: int, deadline: float) -> bytes:
    pieces = []
    while size:
        _wait(pipe, select.POLLIN, deadline)
        piece = os.read(pipe, min(size, _PIECE))
        if not piece:
            raise EOFError("it has ended")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _wait(pipe: int, event: int, deadline: float) -> None:
    # Not `select`, which knows no descriptor above 1023.
    ready = select.poll()
    ready.register(pipe, event)
    if not ready.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
        raise TimeoutError("it takes too long")


def _request(answer: bytes, body: bytes) -> InferenceRequest:
    found = pickle.loads(answer)  # noqa: S301 - hostd's own child wrote it
    if isinstance(found, RefusedBody):
        raise RequestError(found.message, code=found.code, status=found.status, param=found.param)
    return InferenceRequest._make(document_of(field, body) if isinstance(field, Layout) else field for field in found)
